#include "invar/campaign/inference_data.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/core/version.hpp"
#include "invar/space/draws.hpp"
#include "options/number.hpp"

namespace invar::campaign {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using store::NetcdfAttributes;
using store::NetcdfGroup;
using store::NetcdfVariable;

// The random streams of an export.
constexpr std::uint32_t stream_of_runs = 0;
constexpr std::uint32_t stream_of_noise = 1;
constexpr std::uint32_t stream_of_prior = 2;

const std::vector<std::string> per_draw = {"chain", "draw"};
const std::vector<std::string> per_draw_and_qoi = {"chain", "draw", "qoi"};

/// How the campaign scored runs and kept parameters inside their bounds. A method that has no such
/// key adds nothing to the noise, and restricts the prior to the bounds.
struct Scoring {
  double covariance_regularization = 0.0;
  bool clips = false;
};

Scoring scoring_of(const options::Node& study) {
  Scoring scoring;
  if (const auto* node = study.find_path("inference.covariance_regularization")) {
    const std::optional<double> number = options::parse_real(node->scalar);
    if (!number) {
      throw Error(ErrorKind::data,
                  fmt::format("expected a number as `inference.covariance_regularization` in the "
                              "study that campaign.h5 holds, found {}",
                              node->description()));
    }
    scoring.covariance_regularization = *number;
  }
  if (const auto* node = study.find_path("inference.bounded_parameter_handling")) {
    scoring.clips = node->scalar == "clip";
  }
  return scoring;
}

VectorXd weights_of(const method::Posterior& posterior) {
  const Index num_runs = posterior.samples.cols();
  if (posterior.weights.size() == 0) {
    return VectorXd::Constant(num_runs, 1.0 / static_cast<double>(num_runs));
  }
  const VectorXd& weights = posterior.weights;
  if (weights.size() != num_runs || !weights.allFinite() || weights.minCoeff() < 0.0 ||
      weights.sum() <= 0.0) {
    throw Error(ErrorKind::data,
                "the weights in /posterior of campaign.h5 are no weights: "
                "expected one per sample, none negative, one positive");
  }
  return weights;
}

NetcdfVariable coordinate(const std::string& name, Index length) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(length));
  std::iota(numbers.begin(), numbers.end(), 0);
  return {.name = name, .dimensions = {name}, .values = std::move(numbers), .attributes = {}};
}

NetcdfVariable variable(const std::string& name, const std::vector<std::string>& dimensions,
                        const MatrixXd& values, const std::string& units) {
  return {
      .name = name, .dimensions = dimensions, .values = values, .attributes = {{"units", units}}};
}

/// The groups of a posterior, one function each.
class Layout {
 public:
  Layout(const store::StoredView& stored, const options::Node& study,
         const std::string& created_at);

  [[nodiscard]] bool has_runs() const { return !runs_.empty(); }
  [[nodiscard]] NetcdfAttributes common() const { return common_; }
  [[nodiscard]] NetcdfGroup posterior() const;
  [[nodiscard]] NetcdfGroup sample_stats() const;
  [[nodiscard]] NetcdfGroup log_likelihood() const;
  [[nodiscard]] NetcdfGroup posterior_predictive() const;
  [[nodiscard]] NetcdfGroup observed_data() const;
  [[nodiscard]] std::optional<NetcdfGroup> prior() const;
  [[nodiscard]] NetcdfGroup weighted_runs() const;

 private:
  [[nodiscard]] core::StreamKey stream(std::uint32_t iteration) const;
  [[nodiscard]] std::string attribute(const std::string& name) const;
  /// A group of draws, so far with their coordinates alone.
  [[nodiscard]] NetcdfGroup group_of_draws(const std::string& name) const;
  /// A variable per parameter, under names that netCDF allows and the group has not yet.
  void add_parameters(NetcdfGroup& group, const MatrixXd& draws) const;
  [[nodiscard]] bool has_own_draws() const { return posterior_.draws.size() > 0; }

  const store::StoredView& stored_;
  const store::View& view_;
  const method::Posterior& posterior_;
  Scoring scoring_;
  space::Likelihood likelihood_;
  NetcdfAttributes common_;
  Index num_draws_;
  VectorXd weights_;         // of runs
  std::vector<Index> runs_;  // as many as draws, resampled; none where there are no runs
};

Layout::Layout(const store::StoredView& stored, const options::Node& study,
               const std::string& created_at)
    : stored_(stored),
      view_(stored.view),
      posterior_(*stored.view.posterior),
      scoring_(scoring_of(study)),
      likelihood_(view_.observations, scoring_.covariance_regularization),
      common_({{"created_at", created_at},
               {"creation_library", std::string("invar")},
               {"creation_library_version", std::string(core::version())},
               {"inference_library", std::string("invar")},
               {"inference_library_version", attribute("invar_version")}}),
      num_draws_(has_own_draws() ? posterior_.draws.cols() : posterior_.samples.cols()) {
  if (num_draws_ == 0) {
    throw Error(ErrorKind::data, "the posterior in campaign.h5 has neither draws nor runs");
  }
  if (posterior_.samples.cols() > 0) {
    weights_ = weights_of(posterior_);
    runs_ = space::resample(weights_, stream(stream_of_runs), num_draws_);
  }
}

core::StreamKey Layout::stream(std::uint32_t iteration) const {
  const auto seed = std::find_if(view_.attributes.begin(), view_.attributes.end(),
                                 [](const auto& entry) { return entry.first == "seed"; });
  const auto* number =
      seed == view_.attributes.end() ? nullptr : std::get_if<std::int64_t>(&seed->second);
  return {.seed = number == nullptr ? 1 : static_cast<std::uint64_t>(*number),
          .purpose = core::Purpose::exported_draws,
          .iteration = iteration};
}

std::string Layout::attribute(const std::string& name) const {
  for (const auto& [key, value] : view_.attributes) {
    if (const auto* text = std::get_if<std::string>(&value); text != nullptr && key == name) {
      return *text;
    }
  }
  return "";
}

NetcdfGroup Layout::group_of_draws(const std::string& name) const {
  return {.name = name,
          .attributes = common_,
          .variables = {coordinate("chain", 1), coordinate("draw", num_draws_)}};
}

void Layout::add_parameters(NetcdfGroup& group, const MatrixXd& draws) const {
  std::set<std::string> taken;
  for (const NetcdfVariable& there : group.variables) {
    taken.insert(there.name);
  }
  for (Index j = 0; j < draws.rows(); ++j) {
    const std::string& original = view_.space.names[static_cast<std::size_t>(j)];
    std::string name = store::netcdf_name(original);
    while (!taken.insert(name).second) {
      name += '_';
    }
    group.variables.push_back(
        variable(name, per_draw, draws.row(j), view_.space.units[static_cast<std::size_t>(j)]));
    if (name != original) {
      group.variables.back().attributes.emplace_back("long_name", original);
    }
  }
}

NetcdfGroup Layout::posterior() const {
  NetcdfGroup group = group_of_draws("posterior");
  group.attributes.emplace_back(
      "source", std::string(has_own_draws() ? "draws from the distribution that the method found"
                            : posterior_.weights.size() > 0
                                ? "runs of the model, resampled by their weights"
                                : "the runs of the model that stand for the posterior, each once"));
  if (!posterior_.findings.empty()) {
    group.attributes.emplace_back("findings",
                                  fmt::format("{}", fmt::join(posterior_.findings, "\n")));
  }
  add_parameters(
      group, has_own_draws() ? posterior_.draws : MatrixXd(posterior_.samples(Eigen::all, runs_)));
  return group;
}

NetcdfGroup Layout::sample_stats() const {
  NetcdfGroup group = group_of_draws("sample_stats");
  std::map<std::string, store::View::Attribute> values = {
      {"elbo", posterior_.elbo},
      {"elbo_standard_error", posterior_.elbo_standard_error},
      {"normalised_elbo", posterior_.normalised_elbo},
      {"stop_reason", attribute("stop_reason")}};
  for (const auto& [name, value] : posterior_.diagnostics.values()) {
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      values.emplace(name, *whole);
    } else if (const auto* real = std::get_if<double>(&value)) {
      values.emplace(name, *real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      values.emplace(name, *text);
    }
  }
  for (const auto& [name, value] : common_) {
    values.erase(name);
  }
  group.attributes.insert(group.attributes.end(), values.begin(), values.end());
  if (!has_own_draws()) {  // of those we do not know how the model answers
    const VectorXd log_posterior = likelihood_.log_likelihood(posterior_.qois).array() +
                                   likelihood_.log_normalisation() +
                                   view_.space.prior.log_density(posterior_.samples).array();
    group.variables.push_back(variable("lp", per_draw, log_posterior(runs_), "nat"));
  }
  return group;
}

NetcdfGroup Layout::log_likelihood() const {
  NetcdfGroup group = group_of_draws("log_likelihood");
  const MatrixXd qois = posterior_.qois(Eigen::all, runs_);
  if (view_.observations.noise.is_independent()) {
    group.variables.push_back(coordinate("qoi", qois.rows()));
    group.variables.push_back(
        variable("y", per_draw_and_qoi, likelihood_.pointwise_log_likelihood(qois), "nat"));
  } else {
    const VectorXd whole =
        likelihood_.log_likelihood(qois).array() + likelihood_.log_normalisation();
    group.variables.push_back(variable("y", per_draw, whole, "nat"));
  }
  return group;
}

NetcdfGroup Layout::posterior_predictive() const {
  NetcdfGroup group = group_of_draws("posterior_predictive");
  group.attributes.emplace_back(
      "source",
      std::string(has_own_draws()
                      ? "runs of the model, resampled by their weights; the draws of the group "
                        "posterior are others"
                      : "the runs of the model that are the draws of the group posterior"));
  const MatrixXd qois = posterior_.qois(Eigen::all, runs_);
  const MatrixXd noise =
      space::draw_noise(view_.observations.noise, scoring_.covariance_regularization,
                        stream(stream_of_noise), num_draws_);
  std::vector<std::int64_t> ids;
  for (const Index run : runs_) {
    ids.push_back(stored_.sample_ids[static_cast<std::size_t>(run)]);
  }
  group.variables.push_back(coordinate("qoi", qois.rows()));
  group.variables.push_back(variable("y", per_draw_and_qoi, qois + noise, view_.qoi_unit));
  group.variables.push_back(variable("qois", per_draw_and_qoi, qois, view_.qoi_unit));
  group.variables.push_back(
      {.name = "run", .dimensions = per_draw, .values = std::move(ids), .attributes = {}});
  return group;
}

NetcdfGroup Layout::observed_data() const {
  const VectorXd& values = view_.observations.values;
  return {.name = "observed_data",
          .attributes = common_,
          .variables = {coordinate("qoi", values.size()),
                        variable("y", {"qoi"}, values, view_.qoi_unit)}};
}

std::optional<NetcdfGroup> Layout::prior() const {
  space::Space space = view_.space;
  const bool has_bounds = space.bounds.has_any();
  if (scoring_.clips) {
    space.bounds = space::Bounds::none(space.dimension());
  }
  const auto draws = space::draw_prior(space, stream(stream_of_prior), num_draws_);
  if (!draws) {
    return std::nullopt;
  }
  NetcdfGroup group = group_of_draws("prior");
  group.attributes.emplace_back(
      "bounds",
      std::string(!has_bounds      ? "none"
                  : scoring_.clips ? "draws beyond a bound are put on it, as `clip` does with runs"
                                   : "the prior is the Gaussian restricted to the bounds"));
  add_parameters(group, view_.space.bounds.clip(*draws));
  return group;
}

NetcdfGroup Layout::weighted_runs() const {
  const VectorXd log_likelihood =
      likelihood_.log_likelihood(posterior_.qois).array() + likelihood_.log_normalisation();
  const std::vector<std::string>& units = view_.space.units;
  NetcdfGroup group{.name = "weighted_runs", .attributes = common_, .variables = {}};
  group.variables = {
      {.name = "run",
       .dimensions = {"run"},
       .values = stored_.sample_ids,
       .attributes = {{"long_name", std::string("id of the evaluation")}}},
      {.name = "parameter",
       .dimensions = {"parameter"},
       .values = view_.space.names,
       .attributes = {}},
      coordinate("qoi", posterior_.qois.rows()),
      variable("parameters", {"run", "parameter"}, posterior_.samples,
               fmt::format("{}", fmt::join(units, "; "))),
      variable("qois", {"run", "qoi"}, posterior_.qois, view_.qoi_unit),
      variable("weight", {"run"}, weights_, ""),
      variable("log_likelihood", {"run"}, log_likelihood, "nat"),
      variable("log_prior", {"run"}, view_.space.prior.log_density(posterior_.samples), "nat"),
  };
  return group;
}

}  // namespace

InferenceData inference_data(const store::StoredView& stored, const options::Node& study,
                             const std::string& created_at) {
  const Layout layout(stored, study, created_at);
  InferenceData data{.file = {.attributes = layout.common(), .groups = {}}, .notes = {}};
  for (const char* name : {"title", "study"}) {
    for (const auto& entry : stored.view.attributes) {
      if (entry.first == name) {
        data.file.attributes.push_back(entry);
      }
    }
  }
  std::vector<NetcdfGroup>& groups = data.file.groups;
  groups.push_back(layout.posterior());
  groups.push_back(layout.sample_stats());
  if (layout.has_runs()) {
    groups.push_back(layout.log_likelihood());
    groups.push_back(layout.posterior_predictive());
  } else {
    data.notes.emplace_back(
        "no run stands for the posterior: left out log_likelihood, "
        "posterior_predictive and weighted_runs");
  }
  if (auto prior = layout.prior()) {
    groups.push_back(std::move(*prior));
  } else {
    data.notes.emplace_back(
        "the bounds have hardly any of the prior's probability: left out prior");
  }
  groups.push_back(layout.observed_data());
  if (layout.has_runs()) {
    groups.push_back(layout.weighted_runs());
  }
  return data;
}

}  // namespace invar::campaign
