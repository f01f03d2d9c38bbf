#pragma once

#include <Eigen/Core>

namespace invar::space {

/// Covariance of the Gaussian measurement noise: variances alone, or a full matrix.
///
/// Shapes: m variances, or m x m.
/// Units:  those of the observations, squared.
/// MPI:    Local.
class Noise {
 public:
  /// Independent noise.
  /// @throws Error(data)  when a variance is not finite or not positive
  static Noise independent(const Eigen::VectorXd& variances);

  /// Correlated noise.
  /// @throws Error(data)  when the matrix is not square, finite, symmetric positive semi-definite
  ///                      with positive diagonal
  static Noise correlated(const Eigen::MatrixXd& covariance);

  [[nodiscard]] Eigen::Index size() const { return variances_.size(); }
  [[nodiscard]] bool is_independent() const { return covariance_.size() == 0; }
  [[nodiscard]] const Eigen::VectorXd& variances() const { return variances_; }
  [[nodiscard]] Eigen::MatrixXd covariance() const;

 private:
  Eigen::VectorXd variances_;
  Eigen::MatrixXd covariance_;  // empty when independent
};

/// Measurements y with Gaussian noise.
struct Observations {
  Eigen::VectorXd values;  // m, finite
  Noise noise;             // m
};

/// The Gaussian log-likelihood without its constant: -1/2 e^T P e with P = pinv(Gamma + eps I).
///
/// Source: run_vi of rom-tools (Pressio), `covariance_regularization`. Independent noise: the
///         elementwise inverse, entries at or below 1e-15 of the largest count as zero.
/// MPI:    Local.
class Likelihood {
 public:
  Likelihood(const Observations& observations, double covariance_regularization);

  /// Shapes: qois m x N; result N.
  /// Cost:   O(m N) for independent noise, else O(m^2 N).
  [[nodiscard]] Eigen::VectorXd log_likelihood(const Eigen::MatrixXd& qois) const;

  /// W (q - y) with W^T W = P: the residuals in units of the noise.
  /// Shapes: qois m x N; result r x N with r the rank of the noise.
  [[nodiscard]] Eigen::MatrixXd whitened_residuals(const Eigen::MatrixXd& qois) const;

  /// W M, for derivatives of QoIs.
  /// Shapes: matrix m x k; result r x k.
  [[nodiscard]] Eigen::MatrixXd whitened(const Eigen::MatrixXd& matrix) const;

  /// W^T M: the weights of the QoIs that ask for M^T W.
  /// Shapes: matrix r x k; result m x k.
  [[nodiscard]] Eigen::MatrixXd weights_of(const Eigen::MatrixXd& matrix) const;

  /// pinv(W) M: undoes `whitened` as far as the noise has a rank.
  /// Shapes: matrix r x k; result m x k.
  [[nodiscard]] Eigen::MatrixXd unwhitened(const Eigen::MatrixXd& matrix) const;

  [[nodiscard]] Eigen::Index num_qois() const { return values_.size(); }

  /// r: the number of whitened residuals.
  [[nodiscard]] Eigen::Index num_residuals() const {
    return whitening_.size() > 0 ? whitening_.rows() : inverse_std_.size();
  }

  /// -1/2 log|2 pi (Gamma + eps I)|: add it for a normalised density.
  [[nodiscard]] double log_normalisation() const { return log_normalisation_; }

  /// The normalised log density of every observation by itself; its sum over observations is that
  /// of all of them. Independent noise only.
  ///
  /// Shapes: qois m x N; result m x N.
  [[nodiscard]] Eigen::MatrixXd pointwise_log_likelihood(const Eigen::MatrixXd& qois) const;

 private:
  Eigen::VectorXd values_;
  Eigen::VectorXd inverse_std_;  // of independent noise
  Eigen::MatrixXd whitening_;    // of correlated noise
  double log_normalisation_ = 0.0;
};

}  // namespace invar::space
