#pragma once

#include <optional>
#include <vector>

#include <Eigen/Core>

#include "invar/regression/objective.hpp"
#include "invar/regression/polynomial_fit.hpp"
#include "invar/regression/runs.hpp"

namespace invar::regression {

/// Every other run.
enum class Half { first, second };

/// How the runs are fitted.
struct SurrogateOptions {
  bool is_tilted = false;         // weights look where the likelihood is larger
  bool uses_jacobians = false;    // runs without one are left out
  std::optional<Half> half = {};  // of the runs; all when not given
  // L of the prior, d x d, lower triangular: curvatures are of one size in the base's coordinates
  // or, where that is likelier, in those half-way to the prior's; none: the base's only
  Eigen::MatrixXd prior_lower = {};
};

/// What the fits at a Gaussian say of the model, and how much they can be trusted.
struct Surrogate {
  QuadraticMap residuals;
  std::optional<QuadraticMap> correction;

  std::vector<Eigen::Index> runs = {};  // that had a part
  Eigen::VectorXd left_out = {};        // of each: its log-likelihood less what fits without it say
  double tilt = 0.0;                    // power of the likelihood in the weights
  double effective_sample_size = 0.0;   // of the weights without tilt
  double residual_error = 0.0;  // root mean square of what the residuals' fit leaves, left-out
  double log_likelihood_error = 0.0;  // the same of the log-likelihood after the correction, nats
  double mean_error = 0.0;   // standard error of the mean, in standard deviations of the base
  double std_error = 0.0;    // relative standard error of the standard deviations
  double mean_misfit = 0.0;  // mean of |r|^2 under the base

  [[nodiscard]] Eigen::Index num_runs() const { return static_cast<Eigen::Index>(runs.size()); }
  /// The standard error of an ELBO that comes from it, nats.
  [[nodiscard]] double elbo_error() const;
  /// Whether the residuals are known to the last digits that matter.
  [[nodiscard]] bool is_exact() const;
};

/// Fits all runs, seen from `base`, in two stages: the whitened residuals by polynomials, and what
/// these leave of the log-likelihood by a quadratic.
///
/// The residuals are fitted with a power of the weights: of powers that multiply the effective
/// sample size by 4, up to 3,000 runs (with Jacobians by 2, up to 4 d of them), the last one that
/// still lowers the left-out error under the weights themselves. The second stage sees what fits
/// leave that were made without the run at hand, with the weights of these two that leave less; its
/// part that grows with |z|^2 is fitted on its own, and (without Jacobians) its mean is that of the
/// weights themselves.
/// Of more than 3,000 runs a systematic sample is fitted.
///
/// Source: the two stages follow statistical linearisation; García-Fernández, Svensson, Särkkä
///         2015, doi:10.1109/TSP.2015.2454485. Flatter weights: Sugiyama, Krauledat, Müller 2007,
///         Covariate shift adaptation by importance weighted cross validation, JMLR 8, 985-1005.
///         Tilt: weights times the likelihood to the largest power up to 1 that keeps
///         n_eff >= max(d + 3, n_eff(0) / 2).
/// MPI:    Local.
/// Cost:   some times O(n^3 + n d^2 m) and, beside the runs, some n^2 doubles, n <= 3,000.
/// @pre there is a run that can be used
Surrogate fit_surrogate(const Runs& runs, const Gaussian& base, const SurrogateOptions& options);

}  // namespace invar::regression
