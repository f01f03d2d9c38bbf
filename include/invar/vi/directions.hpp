#pragma once

#include <Eigen/Core>

#include "invar/vi/estimator.hpp"
#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// A direction of ascent in both halves of the coordinates.
struct Direction {
  Eigen::VectorXd mean;     // d
  Eigen::VectorXd log_std;  // d

  [[nodiscard]] double norm() const;
};

/// The gradient itself, or scaled by the inverse Fisher information of the diagonal family:
/// (std^2 g_mean, g_log_std / 2).
///
/// Source: run_vi of rom-tools, section 7; `natural` leaves out a correlation, as there.
/// MPI:    Local.
Direction update_direction(const GradientEstimate& gradient, const Eigen::VectorXd& std,
                           GradientMethod method);

/// Newton's direction with a floor under the curvature.
///
/// With S = I or, natural, diag(std, sqrt(1/2)): S H S = V Lambda V^T, B = V max(|Lambda|, floor)
/// V^T; the direction is S B^-1 S g (full) or S diag(B)^-1 S g (diagonal).
///
/// Source: run_vi of rom-tools, section 8.
/// Shapes: hessian 2d x 2d, symmetric, finite.
/// MPI:    Local.
/// Cost:   one eigen-decomposition, O(d^3).
Direction newton_direction(const GradientEstimate& gradient, const Eigen::MatrixXd& hessian,
                           const Eigen::VectorXd& std, const VINewtonOptimizerConfig& config);

/// The direction with entries that are not finite set to 0.
Direction without_non_finite(Direction direction);

}  // namespace invar::vi
