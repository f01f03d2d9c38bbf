#include "store/restart_file.hpp"

#include <algorithm>
#include <variant>

#include <unistd.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/files.hpp"
#include "store/hdf5.hpp"
#include "store/history.hpp"
#include "store/sealed_file.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

constexpr const char* kind = "restart";
constexpr const char* prefix = "round-";
constexpr const char* suffix = ".h5";

struct ValueWriter {
  hid_t group;
  const std::string& name;

  void operator()(std::int64_t value) const { h5::write(group, name, {}, &value); }
  void operator()(double value) const { h5::write(group, name, {}, &value); }
  void operator()(const std::string& value) const {
    INVAR_EXPECTS(value.find('\0') == std::string::npos);
    h5::write_scalar(group, name, value);
  }
  void operator()(const Eigen::VectorXd& value) const { h5::write(group, name, value); }
  void operator()(const Eigen::MatrixXd& value) const { h5::write_matrix(group, name, value); }
};

method::StateValue read_value(hid_t group, const std::string& name) {
  const h5::Handle dataset = h5::open_dataset(group, name);
  const std::size_t num_axes = h5::shape_of(dataset).size();
  if (num_axes == 1) {
    return h5::read_vector(group, name);
  }
  if (num_axes == 2) {
    return h5::read_matrix(group, name);
  }
  const h5::Handle type(H5Dget_type(dataset.get()), H5Tclose, "look at " + name);
  switch (H5Tget_class(type.get())) {
    case H5T_INTEGER:
      return h5::read_scalar<std::int64_t>(group, name);
    case H5T_FLOAT:
      return h5::read_scalar<double>(group, name);
    default:
      return h5::read_scalar_string(group, name);
  }
}

}  // namespace

void write_state(hid_t location, const std::string& group, const method::State& state) {
  const h5::Handle opened(
      H5Gcreate2(location, group.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
      "make group " + group);
  for (const auto& [name, value] : state.values()) {
    INVAR_EXPECTS(name.find('/') == std::string::npos);
    std::visit(ValueWriter{opened.get(), name}, value);
  }
}

method::State read_state(hid_t location, const std::string& group) {
  const h5::Handle opened(H5Gopen2(location, group.c_str(), H5P_DEFAULT), H5Gclose,
                          "open group " + group);
  method::State state;
  for (const std::string& name : h5::names_in(location, group)) {
    state.set(name, read_value(opened.get(), name));
  }
  return state;
}

fs::path restart_path(const fs::path& campaign, std::int64_t num_rounds) {
  return campaign / "restart" / numbered_name(prefix, num_rounds, suffix);
}

void write_restart_file(const fs::path& campaign, const RestartPoint& point) {
  const h5::Handle file = h5::create_in_memory();
  h5::write_attribute(file.get(), "format_version", format_version);
  h5::write_attribute(file.get(), "num_rounds", point.num_rounds);
  h5::write_attribute(file.get(), "num_evaluations", point.num_evaluations);
  h5::write_attribute(file.get(), "elapsed_seconds", point.elapsed_seconds);
  write_state(file.get(), "state", point.state);
  write_sealed_file(restart_path(campaign, point.num_rounds), kind,
                    {{"rounds", point.num_rounds}, {"evaluations", point.num_evaluations}},
                    h5::image(file));
}

RestartPoint read_restart_file(const fs::path& path) {
  verify_sealed_file(path, kind);
  try {
    const h5::Handle file = h5::open_on_disk(path);
    return {.num_rounds = h5::read_integer_attribute(file.get(), "num_rounds"),
            .num_evaluations = h5::read_integer_attribute(file.get(), "num_evaluations"),
            .state = read_state(file.get(), "state"),
            .elapsed_seconds = h5::read_real_attribute(file.get(), "elapsed_seconds")};
  } catch (const Error& error) {
    throw Error(ErrorKind::data, fmt::format("{}: {}", path.string(), error.what()));
  }
}

std::vector<std::int64_t> list_restart_files(const fs::path& campaign) {
  return list_numbered(campaign / "restart", prefix, suffix);
}

void prune_restart_files(const fs::path& campaign, int keep, std::int64_t spared) {
  std::vector<std::int64_t> ours;
  for (const std::int64_t num_rounds : list_restart_files(campaign)) {
    try {
      read_seal(restart_path(campaign, num_rounds), kind);
      ours.push_back(num_rounds);
    } catch (const Error&) {
      continue;  // not ours, or damaged: it stays for someone to look at
    }
  }
  const auto num_old = std::max<std::ptrdiff_t>(std::ssize(ours) - keep, 0);
  for (auto old = ours.begin(); old != ours.begin() + num_old; ++old) {
    if (*old != spared) {
      ::unlink(restart_path(campaign, *old).c_str());
    }
  }
}

fs::path find_restart_file(const fs::path& directory, std::optional<std::int64_t> num_rounds) {
  const std::vector<std::int64_t> available = list_restart_files(directory);
  if (!num_rounds && !available.empty()) {
    num_rounds = available.back();
  }
  if (!num_rounds ||
      std::find(available.begin(), available.end(), *num_rounds) == available.end()) {
    throw Error(ErrorKind::no_input,
                available.empty()
                    ? fmt::format("{} has no restart files: it is not a campaign, or none of its "
                                  "rounds is finished",
                                  directory.string())
                    : fmt::format("{} has no restart file for round {}; there are: {}",
                                  directory.string(), *num_rounds, fmt::join(available, ", ")));
  }
  return restart_path(directory, *num_rounds);
}

}  // namespace invar::store
