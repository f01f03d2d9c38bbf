#pragma once

#include <Eigen/Core>

#include "invar/regression/gaussian.hpp"

namespace invar::regression {

/// m quadratic functions of z in R^d, in Hermite form:
/// f_k(z) = a_k + b_k^T z + 1/2 (z^T C_k z - tr C_k), so that a_k is the mean under N(0, I).
///
/// Shapes: offset m; slope d x m, a column b_k each; curvature d x (d m), the symmetric C_k side by
///         side, or empty: all functions are linear.
/// MPI:    Local.
struct QuadraticMap {
  Eigen::VectorXd offset;
  Eigen::MatrixXd slope;
  Eigen::MatrixXd curvature = {};

  [[nodiscard]] Eigen::Index num_functions() const { return offset.size(); }
  [[nodiscard]] Eigen::Index dimension() const { return slope.rows(); }
  [[nodiscard]] bool is_linear() const { return curvature.size() == 0; }
  /// C_k.
  [[nodiscard]] auto curvature_of(Eigen::Index k) const {
    return curvature.middleCols(k * dimension(), dimension());
  }

  /// Shapes: z d x n; result m x n.
  [[nodiscard]] Eigen::MatrixXd values(const Eigen::MatrixXd& z) const;

  /// The gradient of every function at one point.
  /// Shapes: z d; result d x m.
  [[nodiscard]] Eigen::MatrixXd gradients(const Eigen::VectorXd& z) const;

  /// The same functions of z' with z = mean + L z'.
  ///
  /// Cost: O(d^3 m), or O(d^2 m) without curvature.
  [[nodiscard]] QuadraticMap seen_from(const Gaussian& at) const;
};

/// The expectation of a function under N(mean, L L^T), with that of its gradient and Hessian with
/// respect to z' in z = mean + L z'.
struct Expectation {
  double value = 0.0;
  Eigen::VectorXd gradient;  // d
  Eigen::MatrixXd hessian;   // d x d

  Expectation& operator+=(const Expectation& other);
};

/// E[-1/2 |f|^2] under N(0, I), in closed form.
///
/// Source: Hermite polynomials are orthogonal: the mean of f_k^2 is a_k^2 + |b_k|^2 + |C_k|^2 / 2.
/// Cost:   O(d^3 m), or O(d^2 m) without curvature.
Expectation expected_half_square(const QuadraticMap& map);

/// E[f] of a single function under N(0, I).
/// @pre map.num_functions() == 1
Expectation expected_value(const QuadraticMap& map);

}  // namespace invar::regression
