#pragma once

#include <Eigen/Core>

#include "invar/regression/gaussian.hpp"
#include "invar/regression/quadratic_map.hpp"
#include "invar/space/space.hpp"
#include "invar/space/transform.hpp"

namespace invar::regression {

/// The log prior of x, with the log Jacobian of the map to the parameters, under Gaussians: in
/// closed form without bounds; with bounds as the mean over fixed quasi-random normals, at which
/// the gradient and the Hessian are exact.
///
/// MPI:  Local.
/// Cost: O(d^3) without bounds; O(d^2) for every one of the 1,024 normals with them.
class PriorExpectation {
 public:
  PriorExpectation(const space::Space& space, const space::Transform& transform);

  /// The expectation under q, derivatives with respect to z in x = mean + L z.
  [[nodiscard]] Expectation under(const Gaussian& q) const;

  /// The log prior of every column of x, the log Jacobian included.
  [[nodiscard]] Eigen::VectorXd log_density(const Eigen::MatrixXd& x) const;

  /// The prior itself where it is Gaussian in x; with bounds the Gaussian with its mean and slope
  /// there.
  [[nodiscard]] const Gaussian& gaussian() const { return gaussian_; }

  /// The inverse covariance of `gaussian`.
  [[nodiscard]] const Eigen::MatrixXd& precision() const { return precision_; }

 private:
  space::Prior prior_;
  space::Transform transform_;
  Eigen::MatrixXd physical_precision_;
  Gaussian gaussian_;
  Eigen::MatrixXd precision_;
  Eigen::MatrixXd normals_;  // with bounds only
};

}  // namespace invar::regression
