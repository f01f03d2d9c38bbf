#pragma once

#include <optional>

#include <Eigen/Core>

namespace invar::space {

/// Which Gaussian a distribution is: independent components, or a full covariance.
enum class GaussianFamily { diagonal, multivariate };

/// A Gaussian distribution of the parameters in physical coordinates; the prior is one.
///
/// Shapes: mean d, covariance d x d.
/// Units:  those of the parameters; log densities in nats.
/// MPI:    Local.
class Prior {
 public:
  /// Independent components.
  /// @throws Error(config)  when sizes differ, a number is not finite, or a std is not positive
  static Prior diagonal(const Eigen::VectorXd& mean, const Eigen::VectorXd& std);

  /// Correlated components.
  /// @throws Error(config)  when shapes differ, a number is not finite, or the covariance is not
  ///                        symmetric positive definite
  static Prior multivariate(const Eigen::VectorXd& mean, const Eigen::MatrixXd& covariance);

  [[nodiscard]] GaussianFamily family() const { return family_; }
  [[nodiscard]] Eigen::Index dimension() const { return mean_.size(); }
  [[nodiscard]] const Eigen::VectorXd& mean() const { return mean_; }
  [[nodiscard]] const Eigen::VectorXd& std() const { return std_; }
  [[nodiscard]] Eigen::MatrixXd covariance() const;

  /// The normalised log density at every column.
  ///
  /// Shapes: points d x N; result N.
  /// Cost:   O(d N) for independent components, else O(d^2 N).
  [[nodiscard]] Eigen::VectorXd log_density(const Eigen::MatrixXd& points) const;

 private:
  Prior() = default;

  GaussianFamily family_ = GaussianFamily::diagonal;
  Eigen::VectorXd mean_;
  Eigen::VectorXd std_;
  Eigen::MatrixXd lower_;  // Cholesky factor of the covariance; empty for independent components
  double log_normalisation_ = 0.0;
};

}  // namespace invar::space
