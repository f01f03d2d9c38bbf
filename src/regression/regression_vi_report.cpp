#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Dense>
#include <fmt/format.h>

#include "invar/core/random.hpp"
#include "invar/linalg/spectral.hpp"
#include "invar/regression/findings.hpp"
#include "invar/regression/regression_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// A direction counts as informed when the data took this share of the prior's variance away.
constexpr double informed_share = 0.5;

vi::Coordinates coordinates_of(const Gaussian& q) {
  return {.mean = q.mean, .log_std = q.std().array().log()};
}

vi::Family family_of(const Gaussian& q) {
  return vi::Family::correlated(q.std().cwiseInverse().asDiagonal() * q.lower);
}

/// What the data took of the prior's variance: eigenvalues of the posterior relative to the prior,
/// ascending, in the coordinates of the method.
VectorXd relative_variances(const Gaussian& q, const Gaussian& prior) {
  return linalg::spectrum(seen_from(prior, q).covariance()).values;
}

}  // namespace

vi::PhysicalMoments RegressionVi::moments(const Gaussian& q) const {
  return vi::physical_moments(coordinates_of(q), transform_);
}

/// The climb with the ELBO and misfit of where it stands, from all runs.
Climb RegressionVi::scored(Climb climb) const {
  if (climb.promised_gain == 0.0) {
    return climb;  // it has not moved since it was scored
  }
  const Surrogate surrogate = fit_surrogate(runs_, climb.q, fitting());
  const Objective here = objective(climb.q, surrogate);
  const Gaussian standard = Gaussian::standard(climb.q.dimension());
  climb.elbo = here.elbo(standard, here.log_joint(standard)) + likelihood_.log_normalisation();
  climb.elbo_error = surrogate.elbo_error();
  climb.misfit = surrogate.mean_misfit;
  return climb;
}

WeighedRuns RegressionVi::weighed_runs() const {
  return {.points = transform_.to_physical(runs_.x()),
          .log_weights = log_posteriors() - runs_.log_mixture(),
          .num_drawn = std::accumulate(runs_.num_drawn().begin(), runs_.num_drawn().end(), 0.0),
          .num_rounds = static_cast<std::int64_t>(runs_.num_drawn().size()),
          .num_reused = num_reused_,
          .num_directions = space_.dimension()};
}

RegressionVi::Importance RegressionVi::importance() const {
  const WeighedRuns runs = weighed_runs();
  const double largest = runs.log_weights.maxCoeff();
  return {
      .smoothed = smoothed_weights(runs.log_weights),
      .log_evidence = largest +
                      std::log((runs.log_weights.array() - largest).exp().sum() / runs.num_drawn) +
                      likelihood_.log_normalisation()};
}

/// Those of the posterior, by the runs with these weights and by a fit where the runs are.
CorrectedMoments RegressionVi::corrected_moments(const MatrixXd& points,
                                                 const VectorXd& weights) const {
  if (!SurrogatePosterior::may_draw(runs_)) {
    return regression::corrected_moments(points, weights, {}, MatrixXd(points.rows(), 0), {});
  }
  const Gaussian base = correcting_proposal();
  const SurrogatePosterior fitted(fit_surrogate(runs_, base, fitting()), base, prior_, runs_);
  const SurrogatePosterior::Draws draws = fitted.draws(options_.random_seed);
  return regression::corrected_moments(points, weights, fitted.weights_of_runs(),
                                       transform_.to_physical(draws.x), draws.weights);
}

void RegressionVi::report(const Round& round) {
  const Climb none_yet;
  const Climb& at = makeshift_ ? *makeshift_ : last_climb_ ? climbs_[*last_climb_] : none_yet;
  const bool has_climb = at.before.has_value();
  const auto fitted = [&](auto member) { return surrogate_ ? (*surrogate_).*member : none; };
  diagnostics_.scalars = {
      {"iteration", static_cast<double>(round_ - 1)},
      {"stage", static_cast<double>(round.stage)},
      {"start", last_climb_ ? static_cast<double>(*last_climb_ + 1) : 0.0},
      {"elbo", has_climb ? at.elbo : none},
      {"elbo_standard_error", has_climb ? at.elbo_error : none},
      {"misfit", has_climb ? at.misfit : none},
      {"trust_radius", has_climb ? at.radius : none},
      {"effective_sample_size", fitted(&Surrogate::effective_sample_size)},
      {"tilt", fitted(&Surrogate::tilt)},
      {"residual_error", fitted(&Surrogate::residual_error)},
      {"log_likelihood_error", fitted(&Surrogate::log_likelihood_error)},
      {"mean_error", fitted(&Surrogate::mean_error)},
      {"std_error", fitted(&Surrogate::std_error)},
      {"num_dropped", static_cast<double>(round.num_asked - round.num_kept)},
      {"rescored", round.is_rescoring ? 1.0 : 0.0},
  };
  vi::PhysicalMoments physical = moments(has_climb ? at.q : start_);
  diagnostics_.mean = std::move(physical.mean);
  diagnostics_.std = std::move(physical.std);
  diagnostics_.proposal_mean = round.drawn_from.mean;
  diagnostics_.proposal_std = round.drawn_from.std();
}

std::optional<method::Posterior> RegressionVi::posterior() const {
  if (!has_best() || runs_.size() == 0) {
    return std::nullopt;
  }
  Climb best = scored(*answer());
  if (best.before && best.elbo + 2.0 * best.elbo_error < answer()->elbo) {
    // The last step has lost what the one before it had.
    best.q = *best.before;
    best.elbo = answer()->elbo;
    best.elbo_error = answer()->elbo_error;
    best.misfit = answer()->misfit;
  }
  const Gaussian& q = best.q;
  const Index d = q.dimension();
  const vi::PhysicalMoments physical = moments(q);
  const MatrixXd points = transform_.to_physical(runs_.x());
  const Importance weighted = importance();
  const VectorXd& weights = weighted.smoothed.weights;

  method::Posterior posterior{
      .mean = physical.mean,
      .std = physical.std,
      .covariance = vi::physical_covariance(coordinates_of(q), family_of(q), transform_),
      .elbo = best.elbo,
      .elbo_standard_error = best.elbo_error,
      .normalised_elbo = best.elbo,
      .samples = points,
      .qois = qois_,
      .weights = weights,
      .optimizer = {},
  };
  const core::StreamKey key{.seed = options_.random_seed,
                            .purpose = core::Purpose::posterior_draws};
  posterior.draws =
      transform_.to_physical(q.points(core::standard_normals(key, d, options_.num_draws)));

  method::State& optimizer = posterior.optimizer;
  optimizer.set("method", std::string("regression_vi"));
  optimizer.set("mean", q.mean);
  optimizer.set("lower", q.lower);
  optimizer.set("std", VectorXd(q.std()));

  // How good the answer is.
  const CorrectedMoments corrected = corrected_moments(points, weights);
  const VectorXd corrected_std = corrected.covariance.diagonal().cwiseSqrt();
  const VectorXd predicted = qois_ * weights;
  const VectorXd predicted_std = ((qois_.colwise() - predicted).cwiseAbs2() * weights).cwiseSqrt();
  const VectorXd ratio = physical.std.cwiseQuotient(moments(prior_.gaussian()).std);
  const VectorXd informed = relative_variances(q, prior_.gaussian());
  const Index num_informed = (informed.array() < informed_share).count();
  const double nats_lost = weighted.log_evidence - best.elbo;
  method::State& diagnostics = posterior.diagnostics;
  if (!earlier_.empty()) {
    diagnostics.set("num_reused_runs", static_cast<std::int64_t>(num_reused_));
  }
  diagnostics.set("k_hat", weighted.smoothed.k_hat);
  diagnostics.set("ess", weighted.smoothed.effective_sample_size);
  diagnostics.set("log_evidence", weighted.log_evidence);
  diagnostics.set("nats_lost", nats_lost);
  const bool has_been_fitted = best.num_full_steps > 0 || best.promised_gain > 0.0;
  diagnostics.set("fit_is_exact",
                  static_cast<std::int64_t>(has_been_fitted && best.elbo_error == 0.0 ? 1 : 0));
  diagnostics.set("misfit", best.misfit);
  diagnostics.set("corrected_mean", corrected.mean);
  diagnostics.set("corrected_std", corrected_std);
  diagnostics.set("corrected_covariance", corrected.covariance);
  diagnostics.set("corrected_error", corrected.error);
  diagnostics.set("corrected_share", corrected.share);
  diagnostics.set("std_over_prior_std", ratio);
  diagnostics.set("relative_variances", informed);
  diagnostics.set("num_informed_directions", static_cast<std::int64_t>(num_informed));
  diagnostics.set("predicted_qois", predicted);
  diagnostics.set("predicted_qoi_std", predicted_std);
  diagnostics.set("observed_minus_predicted", VectorXd(observations_ - predicted));

  // The places where climbs have settled; the first one is the answer.
  const std::vector<std::size_t> modes = this->modes();
  std::vector<Gaussian> places{q};
  VectorXd elbos(static_cast<Index>(modes.size()));
  MatrixXd means(d, elbos.size());
  for (std::size_t i = 0; i < modes.size(); ++i) {
    elbos[static_cast<Index>(i)] = i == 0 ? best.elbo : scored(climbs_[modes[i]]).elbo;
    means.col(static_cast<Index>(i)) = moments(climbs_[modes[i]].q).mean;
    places.push_back(climbs_[modes[i]].q);
  }
  diagnostics.set("weight_elsewhere",
                  are_far(places, runs_.x()).cast<double>().matrix().dot(weights));
  diagnostics.set("mode_elbos", elbos);
  diagnostics.set("mode_means", means);
  diagnostics.set("num_starts", static_cast<std::int64_t>(climbs_.size()));
  const auto count = [this](auto is_so) {
    return static_cast<std::int64_t>(std::count_if(climbs_.begin(), climbs_.end(), is_so));
  };
  diagnostics.set("num_under_way", count([](const Climb& climb) { return climb.is_under_way(); }));
  diagnostics.set("num_given_up", count([](const Climb& climb) {
                    return climb.is_given_up() && !climb.has_settled();
                  }));
  posterior.findings = findings(posterior, space_.names, likelihood_.num_residuals());
  return posterior;
}

}  // namespace invar::regression
