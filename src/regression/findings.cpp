#include "invar/regression/findings.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

#include "invar/regression/importance.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// A parameter whose standard deviation is this share of the prior's was not informed.
constexpr double uninformed_ratio = 0.9;
/// A Gaussian whose standard deviations are corrected by such a factor is no description.
constexpr double most_ratio = 1.4;

/// "a, b and 3 others".
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > most ? fmt::format("{} and {} others", text, names.size() - most) : text;
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
  // So few weights know a ratio and a loss to this.
  const double uncertainty = 1.0 / std::sqrt(std::max(ess, 1.0));
  const bool is_other = std::abs(std::log(ratio)) > std::log(most_ratio) &&
                        (is_exact || std::abs(std::log(ratio)) > 2.4 * uncertainty);
  constexpr double least_ess = 10.0;
  if (!is_exact && (!std::isfinite(nats_lost) || nats_lost < -0.5 || ess < least_ess)) {
    return fmt::format(
        "how good a description the Gaussian is cannot be said yet: all the weight is on about "
        "{:.1f} runs",
        ess);
  }
  // The weights of a few runs say nothing against a fit that knows them all.
  if (std::isfinite(k_hat) && k_hat > most_k && !(is_exact && ess < least_ess)) {
    return fmt::format(
        "the posterior is not a Gaussian that the runs can correct (Pareto k {:.2f} > 0.7): its "
        "tails are wider than shown, and the corrected moments are rough",
        k_hat);
  }
  if (is_other) {
    return fmt::format(
        "the posterior is no Gaussian (a standard deviation is {:.2g} times that of this one): "
        "use the corrected mean and std and the weighted runs",
        ratio);
  }
  if (is_exact && ess < least_ess) {
    return "the Gaussian is a good description (the fit of the model is exact)";
  }
  const std::string lost = fmt::format("{:.2g}", std::max(nats_lost, 0.0));
  const std::string loss = is_exact ? "it loses " + lost + " nats"
                                    : fmt::format("it loses {} +- {:.1g} nats", lost, uncertainty);
  if (nats_lost < 0.1) {
    return fmt::format("the Gaussian is a good description ({})", loss);
  }
  if (nats_lost < 1.0) {
    return fmt::format(
        "the Gaussian is a fair description ({}): compare the corrected mean and std", loss);
  }
  return fmt::format(
      "the posterior is no Gaussian (this one: {}): use the corrected mean and std and the "
      "weighted "
      "runs",
      loss);
}

/// Weight that this Gaussian, and those of other modes, know nothing of.
std::string elsewhere_finding(double share, bool has_modes) {
  return fmt::format(
      "{:.0f} % of the weight of the runs is far from {}: a long tail or another mode; "
      "`starts: 4` looks for others",
      100.0 * share, has_modes ? "all modes found" : "this Gaussian");
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
std::string unfinished(std::int64_t num_under_way, std::int64_t num_given_up) {
  std::vector<std::string> parts;
  if (num_under_way > 0) {
    parts.push_back(fmt::format("{} still under way", num_under_way));
  }
  if (num_given_up > 0) {
    parts.push_back(fmt::format("{} given up", num_given_up));
  }
  return parts.empty() ? "" : fmt::format(" ({})", fmt::join(parts, ", "));
}

/// What several starts came to.
void add_modes(const method::State& diagnostics, const std::vector<std::string>& names,
               std::vector<std::string>& found) {
  const std::int64_t num_starts = diagnostics.get<std::int64_t>("num_starts");
  const auto& elbos = diagnostics.get<VectorXd>("mode_elbos");
  const auto& means = diagnostics.get<MatrixXd>("mode_means");
  const std::string others = unfinished(diagnostics.get<std::int64_t>("num_under_way"),
                                        diagnostics.get<std::int64_t>("num_given_up"));
  if (elbos.size() < 2) {
    if (num_starts > 1) {
      found.push_back(fmt::format("{} starts came to the same place{}", num_starts, others));
    }
    return;
  }
  const double behind = elbos[0] - elbos.tail(elbos.size() - 1).maxCoeff();
  found.push_back(fmt::format(
      "starts disagree: {} of them came to {} places{}; {}", num_starts, elbos.size(), others,
      behind < 5.0
          ? fmt::format("a second mode is only {:.2g} nats behind and is not part of this answer",
                        std::max(behind, 0.0))
          : fmt::format("this one is the best, by {:.4g} nats", behind)));
  for (Index i = 0; i < elbos.size(); ++i) {
    found.push_back(mode_finding(static_cast<std::size_t>(i), elbos[i], means.col(i), names));
  }
}

std::string misfit_finding(double misfit, Index num_residuals) {
  if (misfit < 0.0) {
    return "how well the data are described cannot be said yet: too few runs";
  }
  if (is_misfit_bad(misfit, num_residuals)) {
    return fmt::format(
        "the data are not described within their noise: the misfit is {:.4g} for {} "
        "measurements; the model, the noise or the start may be wrong",
        misfit, num_residuals);
  }
  return fmt::format(
      "the data are described within their noise (misfit {:.4g} for {} measurements)", misfit,
      num_residuals);
}

}  // namespace

bool is_misfit_bad(double misfit, Index num_residuals) {
  const auto m = static_cast<double>(num_residuals);
  return !(misfit <= m + 4.0 * std::sqrt(2.0 * m));
}

std::vector<std::string> findings(const method::Posterior& posterior,
                                  const std::vector<std::string>& names, Index num_residuals) {
  const method::State& diagnostics = posterior.diagnostics;
  const auto& ratio = diagnostics.get<VectorXd>("std_over_prior_std");
  std::vector<std::string> uninformed;
  for (Index j = 0; j < ratio.size(); ++j) {
    if (ratio[j] > uninformed_ratio) {
      uninformed.push_back(names[static_cast<std::size_t>(j)]);
    }
  }
  const double misfit = diagnostics.get<double>("misfit");
  if (is_misfit_bad(misfit, num_residuals)) {
    uninformed.clear();  // nobody knows
  }
  std::vector<std::string> found{
      misfit_finding(misfit, num_residuals),
      gaussian_finding(diagnostics.get<double>("k_hat"), diagnostics.get<double>("ess"),
                       diagnostics.get<double>("nats_lost"),
                       farthest_from_one(
                           diagnostics.get<VectorXd>("corrected_std").cwiseQuotient(posterior.std)),
                       diagnostics.get<std::int64_t>("fit_is_exact") != 0),
      fmt::format(
          "the data inform {} of {} directions{}",
          diagnostics.get<std::int64_t>("num_informed_directions"), names.size(),
          uninformed.empty() ? "" : "; not informed beyond the prior: " + listed(uninformed))};
  constexpr double notable_share = 0.05;
  if (const auto share = diagnostics.get<double>("weight_elsewhere"); share > notable_share) {
    found.push_back(elsewhere_finding(share, diagnostics.get<VectorXd>("mode_elbos").size() > 1));
  }
  add_modes(diagnostics, names, found);
  return found;
}

}  // namespace invar::regression
