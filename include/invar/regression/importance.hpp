#pragma once

#include <Eigen/Core>

namespace invar::regression {

/// Pareto k of weights beyond which they do not say what the moments are.
inline constexpr double most_k = 0.7;

/// Importance weights whose largest are smoothed, and what their tail says.
struct SmoothedWeights {
  Eigen::VectorXd weights;  // n, sum 1
  double k_hat = 0.0;       // shape of the tail: below 0.7 the weighted means can be trusted; NaN
                            // for fewer than 25 weights
  double effective_sample_size = 0.0;
};

/// Pareto-smoothed importance weights: the largest min(n/5, 3 sqrt n) are replaced by the quantiles
/// of a generalised Pareto distribution that is fitted to them.
///
/// Source: Vehtari, Simpson, Gelman, Yao, Gabry 2024, Pareto smoothed importance sampling, JMLR
///         25(72); the fit is that of Zhang & Stephens 2009, doi:10.1198/tech.2009.08017.
/// Shapes: log weights n, n >= 1; a constant does not matter.
/// MPI:    Local.
SmoothedWeights smoothed_weights(const Eigen::VectorXd& log_weights);

/// sum w_i (x_i - middle) (x_i - middle)^T.
/// Shapes: points d x n, weights n, middle d; result d x d.
Eigen::MatrixXd weighted_covariance(const Eigen::MatrixXd& points, const Eigen::VectorXd& weights,
                                    const Eigen::VectorXd& middle);

}  // namespace invar::regression
