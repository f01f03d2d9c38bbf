#pragma once

#include <vector>

#include <Eigen/Core>

#include "invar/regression/gaussian.hpp"
#include "invar/space/transform.hpp"

namespace invar::regression {

/// From the coordinates of one study to those of another with the same parameters, by way of the
/// parameters: x_ours = T_ours^-1(T_theirs(x_theirs)).
///
/// What lies outside the bounds of either study has no place in its coordinates.
///
/// Shapes: points d x N, a column per point.
/// MPI:    Local.
class CoordinateChange {
 public:
  CoordinateChange(space::Transform theirs, space::Transform ours);

  /// Whether both are the same coordinates.
  [[nodiscard]] bool is_identity() const { return is_identity_; }

  /// Points in the other coordinates, and which columns they are of: those that have a place there.
  struct Moved {
    Eigen::MatrixXd x;
    std::vector<Eigen::Index> columns;
  };
  [[nodiscard]] Moved to_ours(const Eigen::MatrixXd& theirs) const;
  [[nodiscard]] Moved to_theirs(const Eigen::MatrixXd& ours) const;

  /// The log density in our coordinates of what has the density q in theirs:
  /// log q(x_theirs) - log |dT_theirs| + log |dT_ours|, minus infinity where there is no x_theirs.
  [[nodiscard]] Eigen::VectorXd log_density(const Gaussian& q, const Eigen::MatrixXd& ours) const;

 private:
  space::Transform theirs_;
  space::Transform ours_;
  bool is_identity_;
};

}  // namespace invar::regression
