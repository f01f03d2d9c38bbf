#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include <Eigen/Dense>
#include <fmt/format.h>

#include "invar/core/random.hpp"
#include "invar/regression/findings.hpp"
#include "invar/regression/importance.hpp"
#include "invar/regression/informed_directions.hpp"
#include "invar/regression/subspace_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// Where the covariance is not written out.
constexpr Index fewest_draws = 100;

/// C of the covariance I + B C B^T.
MatrixXd excess_of(const Gaussian& q) {
  return q.covariance() - MatrixXd::Identity(q.dimension(), q.dimension());
}

}  // namespace

SubspaceVi::Answer SubspaceVi::answer() const {
  const Gaussian& q = inner_->best();
  return {.mean = basis_ * q.mean, .basis = basis_, .excess = excess_of(q)};
}

WeighedRuns SubspaceVi::weighed_runs() const {
  if (!inner_) {
    return {.points = MatrixXd(frame_.dimension(), 0),
            .log_weights = {},
            .num_drawn = 0.0,
            .num_rounds = 0};
  }
  WeighedRuns runs = inner_->weighed_runs();
  const VectorXd shares = (runs.log_weights.array() - runs.log_weights.maxCoeff()).exp();
  const VectorXd weights = shares / shares.sum();
  const VectorXd mean = runs.points * weights;
  // In the other directions the target is the prior, which needs no weights.
  runs.moments = frame_.moments(basis_ * mean, basis_,
                                weighted_covariance(runs.points, weights, mean) -
                                    MatrixXd::Identity(basis_.cols(), basis_.cols()));
  runs.points = frame_.to_physical(xi_);
  runs.log_weights.array() += frame_.log_mass();
  runs.num_reused = 0;  // they are its own
  return runs;
}

void SubspaceVi::report(Index num_asked, Index num_kept) {
  const method::RoundDiagnostics inner =
      inner_ ? inner_->diagnostics() : method::RoundDiagnostics{};
  diagnostics_.scalars = {
      {"iteration", static_cast<double>(round_ - 1)},
      {"stage", static_cast<double>(purpose_)},
      {"num_directions", static_cast<double>(basis_.cols())},
      {"num_products", static_cast<double>(num_products_)},
  };
  for (const char* name :
       {"start", "elbo", "elbo_standard_error", "misfit", "trust_radius", "effective_sample_size",
        "tilt", "residual_error", "log_likelihood_error", "mean_error", "std_error"}) {
    const double shift = std::string(name) == "elbo" ? frame_.log_mass() : 0.0;
    diagnostics_.scalars.emplace_back(name, inner_ ? inner.scalar(name) + shift : none);
  }
  diagnostics_.scalars.emplace_back("num_dropped", static_cast<double>(num_asked - num_kept));
  diagnostics_.scalars.emplace_back("rescored", 0.0);
  const bool has_answer = inner_ && inner_->has_best();
  const Index d = frame_.dimension();
  vi::PhysicalMoments moments =
      has_answer ? frame_.moments(answer().mean, basis_, answer().excess)
                 : frame_.moments(VectorXd::Zero(d), MatrixXd(d, 0), MatrixXd(0, 0));
  diagnostics_.mean = std::move(moments.mean);
  diagnostics_.std = std::move(moments.std);
}

/// From the Gaussian, a few at a time.
MatrixXd SubspaceVi::draws() const {
  constexpr Index at_once = 16;
  const Index d = frame_.dimension();
  const Gaussian& q = inner_->best();
  MatrixXd drawn(d, d > most_written_out ? std::min<Index>(options_.num_draws, fewest_draws)
                                         : options_.num_draws);
  for (Index first = 0; first < drawn.cols(); first += at_once) {
    const core::StreamKey key{.seed = options_.random_seed,
                              .purpose = core::Purpose::posterior_draws,
                              .iteration = static_cast<std::uint32_t>(first)};
    const MatrixXd normals =
        core::standard_normals(key, d, std::min(at_once, drawn.cols() - first));
    drawn.middleCols(first, normals.cols()) = frame_.to_physical(
        basis_ * q.points(basis_.transpose() * normals) + outside(basis_, normals));
  }
  return drawn;
}

std::optional<method::Posterior> SubspaceVi::posterior() const {
  auto inner = inner_ ? inner_->posterior() : std::nullopt;
  if (!inner) {
    return std::nullopt;
  }
  const Index d = frame_.dimension();
  const Answer at = answer();
  const vi::PhysicalMoments moments = frame_.moments(at.mean, at.basis, at.excess);
  const vi::PhysicalMoments prior =
      frame_.moments(VectorXd::Zero(d), MatrixXd(d, 0), MatrixXd(0, 0));
  const MatrixXd points = frame_.to_physical(xi_);
  method::Posterior posterior{
      .mean = moments.mean,
      .std = moments.std,
      .covariance = {},
      .elbo = inner->elbo + frame_.log_mass(),
      .elbo_standard_error = inner->elbo_standard_error,
      .normalised_elbo = inner->normalised_elbo + frame_.log_mass(),
      .samples = points,
      .qois = std::move(inner->qois),
      .weights = std::move(inner->weights),
      .optimizer = {},
  };
  posterior.draws = draws();
  if (d <= most_written_out) {
    // The derivative of the map at the mean carries the correlation; the variances are exact.
    const MatrixXd identity = MatrixXd::Identity(d, d);
    const MatrixXd covariance = identity + at.basis * at.excess * at.basis.transpose();
    const MatrixXd slope = frame_.columns_out_of_frame(identity, at.mean);
    posterior.covariance = slope * covariance * slope.transpose();
    const VectorXd scale = moments.std.cwiseQuotient(posterior.covariance.diagonal().cwiseSqrt());
    posterior.covariance = scale.asDiagonal() * posterior.covariance * scale.asDiagonal();
  }
  method::State& optimizer = posterior.optimizer;
  optimizer.set("method", std::string("regression_vi"));
  optimizer.set("coordinates", std::string("subspace"));
  optimizer.set("mean", at.mean);
  optimizer.set("basis", at.basis);
  optimizer.set("excess", at.excess);

  method::State& diagnostics = posterior.diagnostics;
  diagnostics = inner->diagnostics;
  // In the other directions the target is the prior, which needs no weights.
  const VectorXd corrected = basis_ * diagnostics.get<VectorXd>("corrected_mean");
  const MatrixXd corrected_excess = diagnostics.get<MatrixXd>("corrected_covariance") -
                                    MatrixXd::Identity(basis_.cols(), basis_.cols());
  const vi::PhysicalMoments corrected_moments = frame_.moments(corrected, basis_, corrected_excess);
  diagnostics.set("corrected_mean", corrected_moments.mean);
  diagnostics.set("corrected_std", corrected_moments.std);
  diagnostics.erase("corrected_covariance");
  diagnostics.erase("num_reused_runs");
  diagnostics.set("log_evidence", diagnostics.get<double>("log_evidence") + frame_.log_mass());
  diagnostics.set("mode_elbos",
                  VectorXd(diagnostics.get<VectorXd>("mode_elbos").array() + frame_.log_mass()));
  diagnostics.set("std_over_prior_std", VectorXd(moments.std.cwiseQuotient(prior.std)));
  const MatrixXd modes = diagnostics.get<MatrixXd>("mode_means");
  MatrixXd mode_means(d, modes.cols());
  for (Index i = 0; i < modes.cols(); ++i) {
    mode_means.col(i) = frame_.moments(basis_ * modes.col(i), at.basis, at.excess).mean;
  }
  diagnostics.set("mode_means", mode_means);
  posterior.findings = findings(posterior, space_.names, likelihood_.num_residuals());
  return posterior;
}

}  // namespace invar::regression
