#include "invar/linalg/spectral.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace invar::linalg {
namespace {

TEST(Spectrum, GivesTheMatrixBack) {
  Eigen::MatrixXd matrix(3, 3);
  matrix << 2.0, -1.0, 0.5, -1.0, 3.0, 0.2, 0.5, 0.2, -1.0;

  const Spectrum eigen = spectrum(matrix);

  const Eigen::MatrixXd product =
      eigen.vectors * eigen.values.asDiagonal() * eigen.vectors.transpose();
  EXPECT_NEAR((product - matrix).norm(), 0.0, 1e-14);
  EXPECT_LE(eigen.values[0], eigen.values[1]);
  EXPECT_LE(eigen.values[1], eigen.values[2]);
}

TEST(Whitening, InvertsADefiniteMatrix) {
  Eigen::MatrixXd covariance(2, 2);
  covariance << 4.0, 1.0, 1.0, 2.0;

  const Eigen::MatrixXd w = whitening(covariance);

  EXPECT_NEAR((w.transpose() * w - covariance.inverse()).norm(), 0.0, 1e-14);
}

TEST(Whitening, LeavesOutDirectionsWithoutVariance) {
  const Eigen::Vector3d u(1.0, 2.0, -1.0);
  const Eigen::MatrixXd covariance = u * u.transpose();

  const Eigen::MatrixXd w = whitening(covariance);

  // pinv(u u^T) = u u^T / |u|^4
  EXPECT_EQ(w.rows(), 1);
  EXPECT_NEAR((w.transpose() * w - covariance / 36.0).norm(), 0.0, 1e-14);
}

}  // namespace
}  // namespace invar::linalg
