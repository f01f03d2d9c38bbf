#include "invar/linalg/cholesky.hpp"

#include <string>

#include <Eigen/Cholesky>

#include "invar/core/error.hpp"

namespace invar::linalg {

JitteredCholesky jittered_cholesky(const Eigen::MatrixXd& matrix, double first_jitter,
                                   double jitter_limit) {
  double jitter = first_jitter;
  while (jitter < jitter_limit) {
    const Eigen::MatrixXd shifted =
        matrix + jitter * Eigen::MatrixXd::Identity(matrix.rows(), matrix.cols());
    const Eigen::LLT<Eigen::MatrixXd> factor(shifted);
    if (factor.info() == Eigen::Success && shifted.allFinite()) {
      return {.lower = factor.matrixL(), .jitter = jitter};
    }
    jitter *= 10.0;
  }
  throw Error(ErrorKind::data, "a correlation matrix is not positive definite, even with " +
                                   std::to_string(jitter_limit / 10) + " added to its diagonal");
}

bool is_positive_definite(const Eigen::MatrixXd& matrix) {
  if (matrix.rows() != matrix.cols() || !matrix.allFinite()) {
    return false;
  }
  const Eigen::LLT<Eigen::MatrixXd> factor(matrix);
  return factor.info() == Eigen::Success;
}

bool is_symmetric(const Eigen::MatrixXd& matrix, double tolerance) {
  return matrix.rows() == matrix.cols() && (matrix - matrix.transpose()).cwiseAbs().maxCoeff() <=
                                               tolerance * matrix.cwiseAbs().maxCoeff();
}

}  // namespace invar::linalg
