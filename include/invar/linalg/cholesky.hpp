#pragma once

#include <Eigen/Core>

namespace invar::linalg {

/// A Cholesky factor and the jitter that it took.
struct JitteredCholesky {
  Eigen::MatrixXd lower;  // d x d, lower triangular
  double jitter = 0.0;    // added to the diagonal
};

/// Factors A + jitter I = L L^T with the smallest jitter of a ladder that succeeds.
///
/// The ladder is first_jitter, 10 first_jitter, ... below jitter_limit.
///
/// Source: run_vi of rom-tools (Pressio), which ends with L = I where all fail. Deviation: an
/// error. Shapes: matrix d x d, symmetric. MPI:    Local.
///
/// @throws Error(data)  when no jitter below the limit makes the matrix positive definite
JitteredCholesky jittered_cholesky(const Eigen::MatrixXd& matrix, double first_jitter = 1e-12,
                                   double jitter_limit = 1e-2);

/// Whether a symmetric matrix is positive definite and finite.
bool is_positive_definite(const Eigen::MatrixXd& matrix);

/// Whether a square matrix equals its transpose up to `tolerance` times its largest entry.
bool is_symmetric(const Eigen::MatrixXd& matrix, double tolerance = 1e-12);

}  // namespace invar::linalg
