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

/// @param ess  of the weights
std::string gaussian_finding(double k_hat, double ess, double nats_lost, bool is_exact) {
  if (!is_exact && (!std::isfinite(nats_lost) || nats_lost < -0.5 || ess < 10.0)) {
    return fmt::format(
        "how good a description the Gaussian is cannot be said yet: all the weight is on about "
        "{:.1f} runs",
        ess);
  }
  if (std::isfinite(k_hat) && k_hat > 0.7) {
    return fmt::format(
        "the posterior is not a Gaussian that the runs can correct (Pareto k {:.2f} > 0.7): its "
        "tails are wider than shown, and the corrected moments are rough",
        k_hat);
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

/// "mode 2: ELBO -12.3 at a = 1.02, b = 0.3".
std::string mode_finding(std::size_t number, double elbo, const VectorXd& mean,
                         const std::vector<std::string>& names) {
  std::vector<std::string> places;
  for (std::size_t j = 0; j < names.size(); ++j) {
    places.push_back(fmt::format("{} = {:.4g}", names[j], mean[static_cast<Index>(j)]));
  }
  return fmt::format("mode {}{}: ELBO {:.6g} at {}", number + 1,
                     number == 0 ? " (this answer)" : "", elbo, listed(places));
}

/// " (1 still under way, 2 given up)", or nothing.
std::string unfinished(const std::vector<Climb>& climbs) {
  const auto num_under_way = std::count_if(climbs.begin(), climbs.end(),
                                           [](const Climb& climb) { return climb.is_under_way(); });
  const auto num_given_up = std::count_if(climbs.begin(), climbs.end(), [](const Climb& climb) {
    return climb.is_given_up() && !climb.has_settled();
  });
  std::vector<std::string> parts;
  if (num_under_way > 0) {
    parts.push_back(fmt::format("{} still under way", num_under_way));
  }
  if (num_given_up > 0) {
    parts.push_back(fmt::format("{} given up", num_given_up));
  }
  return parts.empty() ? "" : fmt::format(" ({})", fmt::join(parts, ", "));
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
  const Climb best = scored(*answer());
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
  findings.push_back(gaussian_finding(weighted.smoothed.k_hat,
                                      weighted.smoothed.effective_sample_size, nats_lost,
                                      best.elbo_error == 0.0));
  std::vector<std::string> uninformed;
  for (Index j = 0; j < d; ++j) {
    if (ratio[j] > uninformed_ratio) {
      uninformed.push_back(space_.names[static_cast<std::size_t>(j)]);
    }
  }
  findings.push_back(fmt::format(
      "the data inform {} of {} directions{}", num_informed, d,
      uninformed.empty() ? "" : "; not informed beyond the prior: " + listed(uninformed)));

  // The places where climbs have settled; the first one is the answer.
  const std::vector<std::size_t> modes = this->modes();
  VectorXd elbos(static_cast<Index>(modes.size()));
  MatrixXd means(d, elbos.size());
  for (std::size_t i = 0; i < modes.size(); ++i) {
    elbos[static_cast<Index>(i)] = i == 0 ? best.elbo : scored(climbs_[modes[i]]).elbo;
    means.col(static_cast<Index>(i)) = moments(climbs_[modes[i]].q).mean;
  }
  diagnostics.set("mode_elbos", elbos);
  diagnostics.set("mode_means", means);
  diagnostics.set("num_starts", static_cast<std::int64_t>(climbs_.size()));
  const std::string others = unfinished(climbs_);
  if (modes.size() > 1) {
    const double behind = elbos[0] - elbos.tail(elbos.size() - 1).maxCoeff();
    findings.push_back(fmt::format(
        "starts disagree: {} of them came to {} places{}; {}", climbs_.size(), modes.size(), others,
        behind < 5.0
            ? fmt::format("a second mode is only {:.2g} nats behind and is not part of this answer",
                          std::max(behind, 0.0))
            : fmt::format("this one is the best, by {:.4g} nats", behind)));
    for (std::size_t i = 0; i < modes.size(); ++i) {
      findings.push_back(mode_finding(i, elbos[static_cast<Index>(i)],
                                      means.col(static_cast<Index>(i)), space_.names));
    }
  } else if (climbs_.size() > 1) {
    findings.push_back(fmt::format("{} starts came to the same place{}", climbs_.size(), others));
  }
  return posterior;
}

}  // namespace invar::regression
