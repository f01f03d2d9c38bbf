#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "invar/vi/moments.hpp"
#include "invar/vi/run_vi.hpp"
#include "vi/meaning.hpp"

namespace invar::vi {

std::vector<std::string> RunVi::first_warnings() const {
  std::vector<std::string> warnings = initial_.warnings;
  for (std::string& warning : warnings_of(options_, noise_variances_)) {
    warnings.push_back(std::move(warning));
  }
  return warnings;
}

void RunVi::report(const Round& round) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const Judged missing{.f = {},
                       .merit = {.elbo = {none, none, none}, .relative_mse = none},
                       .log_likelihood = none,
                       .log_prior = none};
  const Judged& judged = round.judged ? *round.judged : missing;
  const auto& accepted = progress_.accepted;
  diagnostics_.scalars = {
      {"iteration", round.iteration},
      {"accepted", round.is_accepted ? 1.0 : 0.0},
      {"elbo", judged.merit.elbo.value},
      {"elbo_standard_error", judged.merit.elbo.standard_error},
      {"relative_mse", judged.merit.relative_mse},
      {"log_likelihood", judged.log_likelihood},
      {"log_prior", judged.log_prior},
      {"entropy", judged.merit.elbo.entropy},
      {"step_size", round.step_size},
      {"gradient_norm", accepted ? accepted->gradient_norm : none},
      {"gradient_snr", accepted ? accepted->gradient.snr : none},
      {"consecutive_rejections", progress_.rejections},
      {"num_dropped", static_cast<double>(round.num_asked - round.num_kept)},
      {"rescored", round.is_rescoring ? 1.0 : 0.0},
  };
  PhysicalMoments moments = physical_moments(
      accepted ? accepted->coordinates : initial_.coordinates, target_.transform());
  diagnostics_.mean = std::move(moments.mean);
  diagnostics_.std = std::move(moments.std);
  diagnostics_.proposal_mean = round.proposal.mean;
  diagnostics_.proposal_std = round.proposal.std();
}

std::optional<method::Posterior> RunVi::posterior() const {
  if (!progress_.accepted) {
    return std::nullopt;
  }
  const AcceptedState& state = *progress_.accepted;
  const PhysicalMoments moments = physical_moments(state.coordinates, target_.transform());
  method::Posterior posterior{
      .mean = moments.mean,
      .std = moments.std,
      .covariance = physical_covariance(state.coordinates, initial_.family, target_.transform()),
      .elbo = state.merit.elbo.value,
      .elbo_standard_error = state.merit.elbo.standard_error,
      .normalised_elbo = target_.normalised(state.merit.elbo.value),
      .samples = state.samples,
      .qois = state.qois,
      .optimizer = {}};

  method::State& optimizer = posterior.optimizer;
  write_meaning(optimizer, space_, options_);
  optimizer.set("elbo_scaling_factor", target_.scale());
  optimizer.set("iteration", static_cast<std::int64_t>(state.iteration));
  optimizer.set("mean", state.coordinates.mean);
  optimizer.set("log_std", state.coordinates.log_std);
  optimizer.set("std", state.coordinates.std());
  if (initial_.family.is_correlated()) {
    optimizer.set("correlation_cholesky", initial_.family.correlation_cholesky());
  }
  const BestState& best = *progress_.best;
  const PhysicalMoments best_moments = physical_moments(best.coordinates, target_.transform());
  optimizer.set("best_iteration", static_cast<std::int64_t>(best.iteration));
  optimizer.set("best_elbo", best.elbo.value);
  optimizer.set("best_elbo_standard_error", best.elbo.standard_error);
  optimizer.set("best_mean", best.coordinates.mean);
  optimizer.set("best_log_std", best.coordinates.log_std);
  optimizer.set("best_physical_mean", best_moments.mean);
  optimizer.set("best_physical_std", best_moments.std);
  return posterior;
}

}  // namespace invar::vi
