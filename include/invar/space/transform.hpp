#pragma once

#include <vector>

#include <Eigen/Core>

#include "invar/space/bounds.hpp"

namespace invar::space {

/// The map of a parameter that is bounded on both sides.
enum class TransformMap { sigmoid, arctan };

/// A smooth map T, one parameter at a time, from R^d onto the bounded parameters.
///
/// Two bounds: theta = a + (b-a)(m + (1-2m) u(x)) with u the logistic function (of x cut to +-60)
/// or 1/2 + atan(x)/pi. A lower bound alone: theta = a + exp(x). An upper bound alone:
/// theta = b - exp(-x). No bound: theta = x.
///
/// Source: run_vi of rom-tools (Pressio), section "bounds as a transform". Deviation: parameters
///         with one bound or none are allowed.
/// Shapes: points d x N, a column per point.
/// Units:  theta in those of the parameters; x has none where there are bounds.
/// MPI:    Local.
class Transform {
 public:
  /// @param margin  m in [0, 0.5): share of the width kept free at either bound
  Transform(Bounds bounds, TransformMap map, double margin);

  [[nodiscard]] bool is_identity() const;
  [[nodiscard]] const Bounds& bounds() const { return bounds_; }
  [[nodiscard]] TransformMap map() const { return map_; }
  [[nodiscard]] double interior_margin() const { return margin_; }

  /// theta = T(x).
  [[nodiscard]] Eigen::MatrixXd to_physical(const Eigen::MatrixXd& x) const;

  /// x = T^-1(theta); for two bounds the unit coordinate is cut to [1e-12, 1 - 1e-12].
  /// @throws Error(config)  when a theta is not inside its one-sided bound
  [[nodiscard]] Eigen::VectorXd to_optimizer(const Eigen::VectorXd& theta) const;

  /// Whether theta is T of some x.
  [[nodiscard]] bool reaches(const Eigen::VectorXd& theta) const;

  /// dT_j/dx_j at every entry.
  [[nodiscard]] Eigen::MatrixXd jacobian(const Eigen::MatrixXd& x) const;

  /// sum_j log max(|dT_j/dx_j|, 1e-300) for every column; zeros for the identity.
  [[nodiscard]] Eigen::VectorXd log_jacobian(const Eigen::MatrixXd& x) const;

  /// The smallest std in x that keeps `fraction` of the bounded width in theta, at x:
  /// fraction (b-a) / max(|J|, 1e-16); 0 for parameters without two bounds.
  [[nodiscard]] Eigen::VectorXd minimum_std(const Eigen::VectorXd& x, double fraction) const;

 private:
  enum class Kind { identity, lower, upper, both };

  Bounds bounds_;
  TransformMap map_;
  double margin_;
  std::vector<Kind> kinds_;
};

}  // namespace invar::space
