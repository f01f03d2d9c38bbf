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
#include "invar/regression/regression_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// A direction counts as informed when the data took this share of the prior's variance away.
constexpr double informed_share = 0.5;
/// A parameter whose standard deviation is this share of the prior's was not informed.
constexpr double uninformed_ratio = 0.9;
/// A Gaussian whose standard deviations are corrected by such a factor is no description.
constexpr double most_ratio = 1.4;

vi::Coordinates coordinates_of(const Gaussian& q) {
  return {.mean = q.mean, .log_std = q.std().array().log()};
}

vi::Family family_of(const Gaussian& q) {
  return vi::Family::correlated(q.std().cwiseInverse().asDiagonal() * q.lower);
}

/// "a, b and 3 others".
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > most ? fmt::format("{} and {} others", text, names.size() - most) : text;
}

/// What the data took of the prior's variance: eigenvalues of the posterior relative to the prior,
/// ascending, in the coordinates of the method.
VectorXd relative_variances(const Gaussian& q, const Gaussian& prior) {
  return linalg::spectrum(seen_from(prior, q).covariance()).values;
}

double farthest_from_one(const VectorXd& ratios) {
  Index index = 0;
  ratios.array().log().abs().maxCoeff(&index);
  return ratios[index];
}

/// @param ess    of the weights
/// @param ratio  of the corrected standard deviations to the Gaussian's, the one farthest from 1
std::string gaussian_finding(double k_hat, double ess, double nats_lost, double ratio,
                             bool is_exact) {
  if (!is_exact && (!std::isfinite(nats_lost) || nats_lost < -0.5 || ess < 10.0)) {
    return fmt::format(
        "how good a description the Gaussian is cannot be said yet: all the weight is on about "
        "{:.1f} runs",
        ess);
  }
  if (std::isfinite(k_hat) && k_hat > RegressionVi::most_k) {
    return fmt::format(
        "the posterior is not a Gaussian that the runs can correct (Pareto k {:.2f} > 0.7): its "
        "tails are wider than shown, and the corrected moments are rough",
        k_hat);
  }
  if (ess >= 50.0 && (ratio > most_ratio || ratio < 1.0 / most_ratio)) {
    return fmt::format(
        "the posterior is no Gaussian (a standard deviation is {:.2g} times that of the best one): "
        "use the corrected mean and std and the weighted runs",
        ratio);
  }
  if (nats_lost < 0.1) {
    return fmt::format("the Gaussian is a good description (it loses {:.2g} nats)",
                       std::max(nats_lost, 0.0));
  }
  if (nats_lost < 1.0) {
    return fmt::format(
        "the Gaussian is a fair description (it loses {:.2g} nats): compare the corrected mean "
        "and std",
        nats_lost);
  }
  return fmt::format(
      "the posterior is no Gaussian (the best one loses {:.2g} nats): use the corrected mean and "
      "std and the weighted runs",
      nats_lost);
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
  const Surrogate surrogate =
      fit_surrogate(runs_, climb.q, {.uses_jacobians = runs_.has_jacobians()});
  const Objective here = objective(climb.q, surrogate);
  const Gaussian standard = Gaussian::standard(climb.q.dimension());
  climb.elbo = here.elbo(standard, here.log_joint(standard)) + likelihood_.log_normalisation();
  climb.elbo_error = surrogate.elbo_error();
  climb.misfit = surrogate.mean_misfit;
  return climb;
}

RegressionVi::WeighedRuns RegressionVi::weighed_runs() const {
  return {.points = transform_.to_physical(runs_.x()),
          .log_weights = log_posteriors() - runs_.log_mixture(),
          .num_drawn = std::accumulate(runs_.num_drawn().begin(), runs_.num_drawn().end(), 0.0),
          .num_rounds = static_cast<std::int64_t>(runs_.num_drawn().size())};
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

void RegressionVi::report(const Round& round) {
  const bool has_climb = !climbs_.empty() && climbs_[current_].before.has_value();
  const Climb& at = has_climb ? climbs_[current_] : Climb{};
  const auto fitted = [&](auto member) { return surrogate_ ? (*surrogate_).*member : none; };
  diagnostics_.scalars = {
      {"iteration", static_cast<double>(round_ - 1)},
      {"stage", static_cast<double>(stage_)},
      {"start", static_cast<double>(climbs_.size())},
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
  vi::PhysicalMoments physical = moments(climbs_.empty() ? start_ : climbs_[current_].q);
  diagnostics_.mean = std::move(physical.mean);
  diagnostics_.std = std::move(physical.std);
  diagnostics_.proposal_mean = round.drawn_from.mean;
  diagnostics_.proposal_std = round.drawn_from.std();
}

std::optional<method::Posterior> RegressionVi::posterior() const {
  if (climbs_.empty() || !climbs_[best_climb()].before || runs_.size() == 0) {
    return std::nullopt;
  }
  const Climb best = scored(climbs_[best_climb()]);
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
  const VectorXd corrected_mean = points * weights;
  const MatrixXd centred = points.colwise() - corrected_mean;
  const MatrixXd corrected_covariance = centred * weights.asDiagonal() * centred.transpose();
  const VectorXd corrected_std = corrected_covariance.diagonal().cwiseSqrt();
  const VectorXd predicted = qois_ * weights;
  const VectorXd predicted_std = ((qois_.colwise() - predicted).cwiseAbs2() * weights).cwiseSqrt();
  const VectorXd ratio = physical.std.cwiseQuotient(moments(prior_.gaussian()).std);
  const VectorXd informed = relative_variances(q, prior_.gaussian());
  const Index num_informed = (informed.array() < informed_share).count();
  const double nats_lost = weighted.log_evidence - best.elbo;
  method::State& diagnostics = posterior.diagnostics;
  diagnostics.set("k_hat", weighted.smoothed.k_hat);
  diagnostics.set("ess", weighted.smoothed.effective_sample_size);
  diagnostics.set("log_evidence", weighted.log_evidence);
  diagnostics.set("nats_lost", nats_lost);
  diagnostics.set("misfit", best.misfit);
  diagnostics.set("corrected_mean", corrected_mean);
  diagnostics.set("corrected_std", corrected_std);
  diagnostics.set("corrected_covariance", corrected_covariance);
  diagnostics.set("std_over_prior_std", ratio);
  diagnostics.set("relative_variances", informed);
  diagnostics.set("num_informed_directions", static_cast<std::int64_t>(num_informed));
  diagnostics.set("predicted_qois", predicted);
  diagnostics.set("predicted_qoi_std", predicted_std);
  diagnostics.set("observed_minus_predicted", VectorXd(observations_ - predicted));

  std::vector<std::string>& findings = posterior.findings;
  const auto m = static_cast<double>(likelihood_.num_residuals());
  if (best.misfit < 0.0) {
    findings.emplace_back("how well the data are described cannot be said yet: too few runs");
  } else if (is_misfit_bad(best.misfit)) {
    findings.push_back(fmt::format(
        "the data are not described within their noise: the misfit is {:.4g} for {:.0f} "
        "measurements; the model, the noise or the start may be wrong",
        best.misfit, m));
  } else {
    findings.push_back(
        fmt::format("the data are described within their noise (misfit {:.4g} for {:.0f} "
                    "measurements)",
                    best.misfit, m));
  }
  findings.push_back(gaussian_finding(
      weighted.smoothed.k_hat, weighted.smoothed.effective_sample_size, nats_lost,
      farthest_from_one(corrected_std.cwiseQuotient(physical.std)), best.elbo_error == 0.0));
  std::vector<std::string> uninformed;
  for (Index j = 0; j < d; ++j) {
    if (ratio[j] > uninformed_ratio) {
      uninformed.push_back(space_.names[static_cast<std::size_t>(j)]);
    }
  }
  findings.push_back(fmt::format(
      "the data inform {} of {} directions{}", num_informed, d,
      uninformed.empty() ? "" : "; not informed beyond the prior: " + listed(uninformed)));

  // The places where climbs have settled.
  std::vector<std::size_t> modes;
  for (std::size_t i = 0; i < climbs_.size(); ++i) {
    const bool is_new = std::none_of(modes.begin(), modes.end(), [&](std::size_t other) {
      return std::min(kl_divergence(climbs_[i].q, climbs_[other].q),
                      kl_divergence(climbs_[other].q, climbs_[i].q)) < static_cast<double>(d) + 1.0;
    });
    if ((climbs_[i].has_settled() || i == best_climb()) && is_new) {
      modes.push_back(i);
    }
  }
  VectorXd elbos(static_cast<Index>(modes.size()));
  MatrixXd means(d, elbos.size());
  for (std::size_t i = 0; i < modes.size(); ++i) {
    elbos[static_cast<Index>(i)] = climbs_[modes[i]].elbo;
    means.col(static_cast<Index>(i)) = moments(climbs_[modes[i]].q).mean;
  }
  diagnostics.set("mode_elbos", elbos);
  diagnostics.set("mode_means", means);
  diagnostics.set("num_starts", static_cast<std::int64_t>(climbs_.size()));
  if (modes.size() > 1) {
    std::sort(elbos.begin(), elbos.end(), std::greater<>());
    const double behind = elbos[0] - elbos[1];
    findings.push_back(fmt::format(
        "{} starts ended in {} places: {}", climbs_.size(), modes.size(),
        behind < 5.0
            ? fmt::format("a second mode is only {:.2g} nats behind and is not part of this answer",
                          behind)
            : fmt::format("this one is the best, by {:.4g} nats", behind)));
  } else if (climbs_.size() > 1) {
    findings.push_back(fmt::format("{} starts ended in the same place", climbs_.size()));
  }
  return posterior;
}

}  // namespace invar::regression
