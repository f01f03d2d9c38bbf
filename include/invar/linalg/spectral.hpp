#pragma once

#include <Eigen/Core>

namespace invar::linalg {

/// A symmetric matrix by its eigenvalues and eigenvectors.
struct Spectrum {
  Eigen::VectorXd values;   // d, ascending
  Eigen::MatrixXd vectors;  // d x d, a column each
};

/// The eigen-decomposition of a symmetric matrix (its lower triangle is read).
///
/// MPI:  Local.
/// Cost: O(d^3).
Spectrum spectrum(const Eigen::MatrixXd& symmetric);

/// The whitening W with W^T W = pinv(C) of a symmetric positive semi-definite C.
///
/// Eigenvalues at or below 1e-15 of the largest count as zero (numpy's pinv).
///
/// Shapes: covariance m x m; result r x m with r the numerical rank.
/// MPI:    Local.
Eigen::MatrixXd whitening(const Eigen::MatrixXd& covariance);

}  // namespace invar::linalg
