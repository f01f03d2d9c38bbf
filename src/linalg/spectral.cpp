#include "invar/linalg/spectral.hpp"

#include <Eigen/Eigenvalues>

#include "invar/core/error.hpp"

namespace invar::linalg {

Spectrum spectrum(const Eigen::MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric);
  if (solver.info() != Eigen::Success) {
    throw Error(ErrorKind::internal, "the eigenvalues of a symmetric matrix did not converge");
  }
  return {.values = solver.eigenvalues(), .vectors = solver.eigenvectors()};
}

Eigen::MatrixXd whitening(const Eigen::MatrixXd& covariance) {
  const Spectrum eigen = spectrum(covariance);
  const double cutoff = 1e-15 * eigen.values.cwiseAbs().maxCoeff();
  const Eigen::Index num_zero = (eigen.values.array() <= cutoff).count();
  const Eigen::Index rank = covariance.rows() - num_zero;
  return eigen.values.tail(rank).cwiseSqrt().cwiseInverse().asDiagonal() *
         eigen.vectors.rightCols(rank).transpose();
}

}  // namespace invar::linalg
