#include "invar/campaign/rescore.hpp"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "campaign/continuation.hpp"
#include "campaign/drawn_runs.hpp"
#include "invar/campaign/reuse.hpp"
#include "invar/regression/make_regression_vi.hpp"
#include "invar/store/record.hpp"
#include "invar/store/restart_point.hpp"
#include "invar/vi/reweighting.hpp"

namespace invar::campaign {
namespace {

using Eigen::VectorXd;

[[noreturn]] void throw_nothing_to_weigh() {
  throw Error(ErrorKind::data, "the campaign has no finished round with a good run to weigh");
}

using regression::WeighedRuns;

/// Prior, data and noise of one study with the parameters and bounds of another.
space::Space space_of(const Study& campaign, const Study& study) {
  return {.names = campaign.space.names,
          .units = campaign.space.units,
          .prior = study.space.prior,
          .bounds = campaign.space.bounds};
}

/// The coordinates are those that the runs were drawn in; prior, data and noise are the study's.
WeighedRuns weigh_run_vi(const std::filesystem::path& directory,
                         const store::RecordedEvaluations& record, const Study& campaign,
                         const Study& study) {
  vi::RunViOptions options = campaign.run_vi;
  options.covariance_regularization = study.run_vi.covariance_regularization;
  const vi::Target target(space_of(campaign, study), study.observations, options);
  const vi::DrawnRuns runs = drawn_runs(record, campaign, target).runs;
  if (runs.qois.cols() == 0) {
    throw_nothing_to_weigh();
  }
  return {.points = runs.points.physical,
          .log_weights = vi::log_balance_weights(target, family_of(campaign, directory), runs),
          .num_drawn = std::accumulate(runs.num_drawn.begin(), runs.num_drawn.end(), 0.0),
          .num_rounds = static_cast<std::int64_t>(runs.proposals.size()),
          .num_directions = campaign.space.dimension()};
}

/// The rounds up to the newest restart file, which knows what they were drawn from.
WeighedRuns weigh_regression(const std::filesystem::path& directory,
                             const store::RecordedEvaluations& record, const Study& campaign,
                             const Study& study) {
  const store::RestartPoint newest = store::read_restart_file(store::find_restart_file(directory));
  const auto method = regression::make_regression_vi(
      space_of(campaign, study), study.observations, campaign.regression_vi,
      {.start = std::nullopt,
       .reused = reused_runs(campaign, directory),
       .can = regression::capabilities_of(newest.state)});
  method->recall(recorded_rounds(record, newest.num_rounds));
  method->rescore(newest.state, 0);
  WeighedRuns runs = method->weighed_runs();
  if (runs.log_weights.size() == 0 && !method->diagnostics().messages.empty()) {
    throw Error(ErrorKind::data, "no run can be weighed: " + method->diagnostics().messages.back());
  }
  if (runs.log_weights.size() == 0) {
    throw_nothing_to_weigh();
  }
  return runs;
}

void judge(Rescoring& result, Eigen::Index num_directions) {
  const auto d = static_cast<double>(num_directions);
  const double n = result.effective_sample_size;
  const bool is_enough_for_moments = n >= std::max(20.0, 2.0 * d) && result.largest_weight <= 0.2;
  result.is_usable = is_enough_for_moments;
  if (!is_enough_for_moments) {
    result.verdict = fmt::format(
        "not usable: all the weight is on about {:.1f} runs; the campaign has hardly been where "
        "this "
        "study's posterior is, go there with `invar resume DIR --study FILE`",
        n);
  } else if (n < std::max(100.0, 10.0 * d)) {
    result.verdict =
        fmt::format("rough: means to about {:.0f} % of a standard deviation; good for a first look",
                    100.0 / std::sqrt(n));
  } else {
    result.verdict = fmt::format(
        "good: means to about {:.0f} % of a standard deviation, as far as the runs have been",
        std::ceil(100.0 / std::sqrt(n)));
  }
}

}  // namespace

Rescoring rescore(const std::filesystem::path& directory, const Study& campaign,
                  const Study& study) {
  const store::RecordedEvaluations record = store::read_evaluations(directory);
  if (record.size() == 0) {
    throw Error(ErrorKind::data, directory.string() + " has no recorded run");
  }
  if (study.observations.values.size() != campaign.observations.values.size()) {
    throw Error(ErrorKind::config,
                fmt::format("observations: the recorded runs have {} QoIs, found {} values; there "
                            "must be one for each",
                            campaign.observations.values.size(), study.observations.values.size()));
  }
  const WeighedRuns runs = campaign.method == InferenceMethod::regression_vi
                               ? weigh_regression(directory, record, campaign, study)
                               : weigh_run_vi(directory, record, campaign, study);
  const double largest = runs.log_weights.maxCoeff();
  const VectorXd shares = (runs.log_weights.array() - largest).exp();
  const VectorXd weights = shares / shares.sum();
  const double regularization = campaign.method == InferenceMethod::regression_vi
                                    ? 0.0
                                    : study.run_vi.covariance_regularization;
  const space::Likelihood likelihood(study.observations, regularization);
  Rescoring result;
  if (runs.moments) {
    result.mean = runs.moments->mean;
    result.std = runs.moments->std;
  } else {
    result.mean = runs.points * weights;
    const Eigen::MatrixXd centred = runs.points.colwise() - result.mean;
    result.covariance = centred * weights.asDiagonal() * centred.transpose();
    result.std = result.covariance.diagonal().cwiseSqrt();
  }
  result.log_evidence =
      largest + std::log(shares.sum() / runs.num_drawn) + likelihood.log_normalisation();
  result.effective_sample_size = 1.0 / weights.squaredNorm();
  result.largest_weight = weights.maxCoeff();
  result.num_used = static_cast<std::int64_t>(weights.size());
  result.num_reused = runs.num_reused;
  result.num_recorded = static_cast<std::int64_t>(record.size());
  result.num_rounds = runs.num_rounds;
  result.notes = record.notes;
  judge(result, runs.num_directions);
  return result;
}

}  // namespace invar::campaign
