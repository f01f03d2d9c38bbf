#pragma once

#include <Eigen/Core>

namespace invar::vi {

/// What changes from state to state: a member of the family, in optimizer coordinates.
struct Coordinates {
  Eigen::VectorXd mean;     // d
  Eigen::VectorXd log_std;  // d

  [[nodiscard]] Eigen::VectorXd std() const { return log_std.array().exp(); }
};

/// Points seen from a member of the family: e = (x - mean) / std and a = R^-1 e.
///
/// The scores follow from them: d log q / d mean = a / std, d log q / d log_std = e a - 1.
struct Standardized {
  Eigen::MatrixXd e;    // d x N
  Eigen::MatrixXd a;    // d x N
  Eigen::VectorXd std;  // d
};

/// Gaussians N(mean, D R D) with D = diag(exp(log_std)) and a fixed correlation R = L L^T.
///
/// Source: run_vi of rom-tools, section 3.
/// Shapes: L d x d, lower triangular; none for independent components.
/// MPI:    Local.
class Family {
 public:
  static Family diagonal(Eigen::Index dimension);

  /// @pre lower triangular with positive diagonal
  static Family correlated(Eigen::MatrixXd correlation_cholesky);

  [[nodiscard]] Eigen::Index dimension() const { return dimension_; }
  [[nodiscard]] bool is_correlated() const { return lower_.size() > 0; }

  /// L; empty for independent components.
  [[nodiscard]] const Eigen::MatrixXd& correlation_cholesky() const { return lower_; }

  /// R = L L^T.
  [[nodiscard]] Eigen::MatrixXd correlation() const;

  /// R^-1.
  [[nodiscard]] Eigen::MatrixXd inverse_correlation() const;

  /// x = mean + std (L z) for every column z.
  ///
  /// Shapes: normals d x N; result d x N.
  /// Cost:   O(d N), or O(d^2 N) with correlation.
  [[nodiscard]] Eigen::MatrixXd points(const Coordinates& at, const Eigen::MatrixXd& normals) const;

  /// The entropy in nats: sum log_std + d/2 (1 + log 2 pi) + sum log L_jj.
  [[nodiscard]] double entropy(const Coordinates& at) const;

  /// Shapes: x d x N.
  /// Cost:   O(d N), or O(d^2 N) with correlation.
  [[nodiscard]] Standardized standardize(const Coordinates& at, const Eigen::MatrixXd& x) const;

 private:
  Eigen::Index dimension_ = 0;
  Eigen::MatrixXd lower_;
};

}  // namespace invar::vi
