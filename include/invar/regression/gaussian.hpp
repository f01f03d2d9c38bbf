#pragma once

#include <vector>

#include <Eigen/Core>

namespace invar::regression {

/// N(mean, L L^T).
///
/// Shapes: mean d; lower d x d, lower triangular with positive diagonal.
/// MPI:    Local.
struct Gaussian {
  Eigen::VectorXd mean;
  Eigen::MatrixXd lower;

  static Gaussian standard(Eigen::Index dimension);

  [[nodiscard]] Eigen::Index dimension() const { return mean.size(); }
  [[nodiscard]] Eigen::MatrixXd covariance() const { return lower * lower.transpose(); }
  [[nodiscard]] Eigen::VectorXd std() const { return lower.rowwise().norm(); }

  /// mean + L z for every column z; the bits of one do not depend on how many follow.
  [[nodiscard]] Eigen::MatrixXd points(const Eigen::MatrixXd& z) const;
  /// L^-1 (x - mean) for every column x.
  [[nodiscard]] Eigen::MatrixXd standardize(const Eigen::MatrixXd& x) const;
  /// The log density at every column, all constants in.
  [[nodiscard]] Eigen::VectorXd log_density(const Eigen::MatrixXd& x) const;
  /// In nats.
  [[nodiscard]] double entropy() const;
};

/// Of every column x, whether it is where none of these has draws but hardly ever: more than
/// sqrt(d) + 4 standard deviations off.
Eigen::Array<bool, Eigen::Dynamic, 1> are_far(const std::vector<Gaussian>& from,
                                              const Eigen::MatrixXd& x);

/// The Gaussian that looks like `local` in the coordinates z = L^-1 (x - mean) of `base`.
Gaussian placed(const Gaussian& base, const Gaussian& local);

/// The lower triangular L with L L^T = A^-1.
/// @pre A is symmetric positive definite
Eigen::MatrixXd factor_of_inverse(const Eigen::MatrixXd& matrix);

/// What `placed` undoes.
Gaussian seen_from(const Gaussian& base, const Gaussian& other);

/// KL(p || q) in nats.
double kl_divergence(const Gaussian& p, const Gaussian& q);

/// KL(p || N(0, I)) in nats.
double kl_from_standard(const Gaussian& p);

}  // namespace invar::regression
