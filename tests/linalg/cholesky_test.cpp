#include "invar/linalg/cholesky.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace invar::linalg {
namespace {

TEST(JitteredCholesky, FactorsAPositiveDefiniteMatrixWithTheFirstJitter) {
  Eigen::MatrixXd matrix(2, 2);
  matrix << 1.0, 0.6, 0.6, 1.0;

  const JitteredCholesky factor = jittered_cholesky(matrix);

  EXPECT_EQ(factor.jitter, 1e-12);
  EXPECT_NEAR((factor.lower * factor.lower.transpose() - matrix).norm(), 0.0, 1e-11);
  EXPECT_EQ(factor.lower(0, 1), 0.0);
}

TEST(JitteredCholesky, RaisesTheJitterTenfoldUntilItFactors) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Ones(2, 2);
  matrix(0, 1) = matrix(1, 0) = 1.0 + 5e-9;  // smallest eigenvalue -5e-9

  const JitteredCholesky factor = jittered_cholesky(matrix);

  EXPECT_NEAR(factor.jitter, 1e-8, 1e-15);
}

TEST(JitteredCholesky, GivesUpBelowTheLimit) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Ones(2, 2);
  matrix(0, 1) = matrix(1, 0) = 1.1;

  EXPECT_THROW(jittered_cholesky(matrix), Error);
  try {
    jittered_cholesky(matrix);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
  }
}

TEST(JitteredCholesky, GivesUpOnNotANumber) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Identity(2, 2);
  matrix(1, 1) = std::numeric_limits<double>::quiet_NaN();

  EXPECT_THROW(jittered_cholesky(matrix), Error);
}

TEST(IsPositiveDefinite, TellsDefiniteFromOtherMatrices) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Identity(3, 3);
  EXPECT_TRUE(is_positive_definite(matrix));

  matrix(2, 2) = -1.0;
  EXPECT_FALSE(is_positive_definite(matrix));
  matrix(2, 2) = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(is_positive_definite(matrix));
  EXPECT_FALSE(is_positive_definite(Eigen::MatrixXd::Ones(2, 3)));
}

TEST(IsSymmetric, ComparesWithTheLargestEntry) {
  Eigen::MatrixXd matrix = 1e6 * Eigen::MatrixXd::Identity(2, 2);
  matrix(0, 1) = 1e-7;
  EXPECT_TRUE(is_symmetric(matrix));

  matrix(0, 1) = 1.0;
  EXPECT_FALSE(is_symmetric(matrix));
  EXPECT_FALSE(is_symmetric(Eigen::MatrixXd::Ones(2, 3)));
}

}  // namespace
}  // namespace invar::linalg
