#include <cstddef>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/store/view.hpp"
#include "store/hdf5.hpp"
#include "store/layout.hpp"
#include "store/restart_file.hpp"
#include "store/sealed_file.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

h5::Handle open_group(hid_t location, const std::string& name) {
  return {H5Gopen2(location, name.c_str(), H5P_DEFAULT), H5Gclose, "open group " + name};
}

space::Space read_space(hid_t file) {
  const h5::Handle parameters = open_group(file, "parameters");
  const hid_t in = parameters.get();
  const Eigen::VectorXd mean = h5::read_vector(in, "prior/mean");
  return {.names = h5::read<std::string>(in, "names"),
          .units = h5::read<std::string>(in, "units"),
          .prior = h5::exists(in, "prior/covariance")
                       ? space::Prior::multivariate(mean, h5::read_matrix(in, "prior/covariance"))
                       : space::Prior::diagonal(mean, h5::read_vector(in, "prior/std")),
          .bounds =
              space::Bounds(h5::read_vector(in, "bounds/min"), h5::read_vector(in, "bounds/max"))};
}

space::Observations read_observations(hid_t file) {
  const h5::Handle observations = open_group(file, "observations");
  const hid_t in = observations.get();
  const bool is_independent = h5::shape_of(h5::open_dataset(in, "covariance")).size() == 1;
  return {.values = h5::read_vector(in, "values"),
          .noise = is_independent ? space::Noise::independent(h5::read_vector(in, "covariance"))
                                  : space::Noise::correlated(h5::read_matrix(in, "covariance"))};
}

method::Posterior read_posterior(hid_t file) {
  const h5::Handle group = open_group(file, "posterior");
  const hid_t in = group.get();
  method::Posterior posterior{
      .mean = h5::read_vector(in, "mean"),
      .std = h5::read_vector(in, "std"),
      .covariance =
          h5::exists(in, "covariance") ? h5::read_matrix(in, "covariance") : Eigen::MatrixXd{},
      .elbo = h5::read_real_attribute(in, "elbo"),
      .elbo_standard_error = h5::read_real_attribute(in, "elbo_standard_error"),
      .normalised_elbo = h5::read_real_attribute(in, "normalised_elbo"),
      .samples = h5::read_samples(in, "samples"),
      .qois = h5::read_samples(in, "qois"),
      .optimizer = read_state(in, "optimizer")};
  if (h5::exists(in, "weights")) {
    posterior.weights = h5::read_vector(in, "weights");
  }
  if (h5::exists(in, "draws")) {
    posterior.draws = h5::read_samples(in, "draws");
  }
  if (h5::exists(in, "diagnostics")) {
    posterior.diagnostics = read_state(in, "diagnostics");
  }
  if (h5::exists(in, "findings")) {
    posterior.findings = h5::read<std::string>(in, "findings");
  }
  return posterior;
}

std::string_view bits_of(const Eigen::MatrixXd& points, Eigen::Index column) {
  return {reinterpret_cast<const char*>(points.col(column).data()),
          static_cast<std::size_t>(points.rows()) * sizeof(double)};
}

std::vector<std::int64_t> ids_of(const Eigen::MatrixXd& samples, hid_t file) {
  const h5::Handle evaluations = open_group(file, "evaluations");
  const auto ids = h5::read<std::int64_t>(evaluations.get(), "id");
  const auto statuses = h5::read<std::uint8_t>(evaluations.get(), "status");
  const Eigen::MatrixXd points = h5::read_samples(evaluations.get(), "parameters");
  std::map<std::string_view, std::int64_t> found;
  for (Eigen::Index i = 0; i < samples.cols(); ++i) {
    found.emplace(bits_of(samples, i), -1);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto sample = found.find(bits_of(points, static_cast<Eigen::Index>(i)));
    if (sample != found.end() && statuses[i] == static_cast<std::uint8_t>(method::Status::ok)) {
      sample->second = ids[i];  // where several are at one point, the last
    }
  }
  std::vector<std::int64_t> result;
  for (Eigen::Index i = 0; i < samples.cols(); ++i) {
    result.push_back(found.at(bits_of(samples, i)));
  }
  return result;
}

}  // namespace

StoredView read_view(const fs::path& directory) {
  require_campaign(directory);
  const fs::path path = directory / "campaign.h5";
  const auto throw_no_posterior = [&] {
    throw Error(
        ErrorKind::no_input,
        fmt::format("{} has no posterior yet: campaign.h5 is written at the end and now and "
                    "then before it; `invar pack` writes it at once",
                    directory.string()));
  };
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw_no_posterior();
  }
  verify_sealed_file(path, "view");
  const h5::Handle file = h5::open_on_disk(path);
  if (!h5::exists(file.get(), "posterior")) {
    throw_no_posterior();
  }
  const h5::Handle root = open_group(file.get(), "/");
  StoredView stored{.view = {.attributes = {},
                             .space = read_space(file.get()),
                             .observations = read_observations(file.get()),
                             .qoi_unit = "",
                             .posterior = read_posterior(file.get()),
                             .scorer = {}},
                    .sample_ids = {}};
  for (const std::string& name : h5::attribute_names(root.get())) {
    stored.view.attributes.emplace_back(name, h5::read_attribute(root.get(), name));
  }
  const h5::Handle values = h5::open_dataset(file.get(), "observations/values");
  stored.view.qoi_unit = std::get<std::string>(h5::read_attribute(values.get(), "units"));
  stored.sample_ids = ids_of(stored.view.posterior->samples, file.get());
  return stored;
}

}  // namespace invar::store
