#include "store/support/campaign_difference.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <set>
#include <sstream>
#include <vector>

#include "store/hdf5.hpp"

namespace invar::store::testing {
namespace {

using Difference = std::optional<std::string>;

/// The entries of a dataset as bytes; strings as they are.
std::vector<std::string> entries(const h5::Handle& dataset) {
  std::size_t count = 1;
  for (const hsize_t n : h5::shape_of(dataset)) {
    count *= n;
  }
  const h5::Handle type(H5Dget_type(dataset.get()), H5Tclose, "look at a type");
  std::vector<std::string> result;
  if (H5Tis_variable_str(type.get()) > 0) {
    std::vector<char*> strings(count, nullptr);
    h5::check(H5Dread(dataset.get(), h5::string_type().get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                      strings.data()),
              "read strings");
    for (char* string : strings) {
      result.emplace_back(string == nullptr ? "" : string);
      H5free_memory(string);
    }
    return result;
  }
  const std::size_t size = H5Tget_size(type.get());
  std::string bytes(count * size, '\0');
  h5::check(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()),
            "read numbers");
  for (std::size_t i = 0; i < count; ++i) {
    result.push_back(bytes.substr(i * size, size));
  }
  return result;
}

std::string printable(const h5::Handle& dataset, const std::string& entry) {
  const h5::Handle type(H5Dget_type(dataset.get()), H5Tclose, "look at a type");
  std::ostringstream out;
  out.precision(17);
  if (H5Tget_class(type.get()) == H5T_FLOAT && entry.size() == sizeof(double)) {
    double value = 0.0;
    std::memcpy(&value, entry.data(), sizeof value);
    out << value;
  } else if (H5Tget_class(type.get()) == H5T_INTEGER) {
    std::int64_t value = 0;
    std::memcpy(&value, entry.data(), entry.size());
    out << value;
  } else {
    out << '"' << entry << '"';
  }
  return out.str();
}

Difference dataset_difference(hid_t a, hid_t b, const std::string& path) {
  const h5::Handle in_a = h5::open_dataset(a, path);
  const h5::Handle in_b = h5::open_dataset(b, path);
  if (h5::shape_of(in_a) != h5::shape_of(in_b)) {
    return path + ": the shapes differ";
  }
  const std::vector<std::string> of_a = entries(in_a);
  const std::vector<std::string> of_b = entries(in_b);
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    if (of_a[i] != of_b[i]) {
      return path + "[" + std::to_string(i) + "]: " + printable(in_a, of_a[i]) + " and " +
             printable(in_b, of_b[i]);
    }
  }
  return std::nullopt;
}

bool is_dataset(hid_t file, const std::string& path) {
  const h5::Handle object(H5Oopen(file, path.c_str(), H5P_DEFAULT), H5Oclose, "open " + path);
  return H5Iget_type(object.get()) == H5I_DATASET;
}

Difference group_difference(hid_t a, hid_t b, const std::string& group,
                            const std::set<std::string>& ignored) {
  const std::vector<std::string> names = h5::names_in(a, group);
  if (names != h5::names_in(b, group)) {
    return group + ": other names";
  }
  for (const std::string& name : names) {
    if (ignored.contains(name)) {
      continue;
    }
    const std::string path = (std::filesystem::path(group) / name).string();
    Difference difference =
        is_dataset(a, path) ? dataset_difference(a, b, path) : group_difference(a, b, path, {});
    if (difference) {
      return difference;
    }
  }
  return std::nullopt;
}

}  // namespace

Difference campaign_difference(const std::filesystem::path& a, const std::filesystem::path& b) {
  const h5::Handle file_a = h5::open_on_disk(a);
  const h5::Handle file_b = h5::open_on_disk(b);
  // Who computed it, when, and with what words it failed; and log densities, which are computed
  // when packing, a segment at a time, so that their last bits may depend on where segments end.
  const std::set<std::string> not_compared = {
      "message", "wall_seconds", "started",   "finished",       "group",
      "host",    "attempts",     "ran_ahead", "log_likelihood", "log_prior"};
  if (auto difference = group_difference(file_a.get(), file_b.get(), "evaluations", not_compared)) {
    return difference;
  }
  if (auto difference = group_difference(file_a.get(), file_b.get(), "rounds", {"seconds"})) {
    return difference;
  }
  const bool has_derivatives = h5::exists(file_a.get(), "derivatives");
  if (has_derivatives != h5::exists(file_b.get(), "derivatives")) {
    return "only one has derivatives";
  }
  if (has_derivatives) {
    if (auto difference = group_difference(file_a.get(), file_b.get(), "derivatives", {})) {
      return difference;
    }
  }
  const bool has_posterior = h5::exists(file_a.get(), "posterior");
  if (has_posterior != h5::exists(file_b.get(), "posterior")) {
    return "only one has a posterior";
  }
  if (!has_posterior) {
    return std::nullopt;
  }
  for (const char* name : {"elbo", "elbo_standard_error"}) {
    const auto value = [name](const h5::Handle& file) {
      const h5::Handle group = h5::Handle(H5Gopen2(file.get(), "posterior", H5P_DEFAULT), H5Gclose,
                                          "open group posterior");
      return h5::read_real_attribute(group.get(), name);
    };
    const double of_a = value(file_a);
    const double of_b = value(file_b);
    if (std::bit_cast<std::uint64_t>(of_a) != std::bit_cast<std::uint64_t>(of_b)) {
      return std::string("posterior: ") + name + " differs";
    }
  }
  return group_difference(file_a.get(), file_b.get(), "posterior", {});
}

}  // namespace invar::store::testing
