#include "invar/space/observations.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace invar::space {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Eigen::MatrixXd covariance() {
  Eigen::MatrixXd c(3, 3);
  c << 0.5, 0.1, -0.05, 0.1, 0.4, 0.02, -0.05, 0.02, 0.3;
  return c;
}

template <class Make>
void expect_data_error(const Make& make) {
  try {
    make();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
  }
}

TEST(Noise, OfADiagonalMatrixIsIndependent) {
  const Eigen::Vector2d variances(2.0, 3.0);

  const Noise noise = Noise::correlated(variances.asDiagonal());

  EXPECT_TRUE(noise.is_independent());
  EXPECT_EQ(noise.variances(), variances);
  EXPECT_EQ(noise.covariance(), Eigen::MatrixXd(variances.asDiagonal()));
}

TEST(Noise, RefusesVariancesThatAreNotPositive) {
  expect_data_error([] { Noise::independent(Eigen::Vector2d(1.0, 0.0)); });
  expect_data_error([] { Noise::independent(Eigen::Vector2d(1.0, nan)); });
  expect_data_error([] { Noise::correlated(Eigen::Vector2d(1.0, -1.0).asDiagonal()); });
}

TEST(Noise, RefusesMatricesThatAreNoCovariance) {
  expect_data_error([] { Noise::correlated(Eigen::MatrixXd::Ones(2, 3)); });
  expect_data_error([] { Noise::correlated(Eigen::MatrixXd::Constant(2, 2, nan)); });
  Eigen::MatrixXd matrix = covariance();
  matrix(0, 1) = 0.2;
  expect_data_error([&] { Noise::correlated(matrix); });
  matrix(0, 1) = matrix(1, 0) = 0.9;
  expect_data_error([&] { Noise::correlated(matrix); });
}

TEST(Noise, AcceptsASingularCovariance) {
  EXPECT_EQ(Noise::correlated(Eigen::MatrixXd::Ones(2, 2)).size(), 2);
}

TEST(Likelihood, IsTheQuadraticFormOfTheRegularizedInverse) {
  const Eigen::Vector3d y(1.0, -2.0, 0.5);
  const double regularization = 0.01;
  Eigen::MatrixXd qois(3, 2);
  qois << 0.9, 2.0, -1.0, -2.5, 0.0, 0.7;
  const Likelihood likelihood({.values = y, .noise = Noise::correlated(covariance())},
                              regularization);

  const Eigen::VectorXd ll = likelihood.log_likelihood(qois);

  const Eigen::MatrixXd gamma = covariance() + regularization * Eigen::MatrixXd::Identity(3, 3);
  for (Eigen::Index i = 0; i < 2; ++i) {
    const Eigen::VectorXd e = y - qois.col(i);
    EXPECT_NEAR(ll[i], -0.5 * e.dot(gamma.inverse() * e), 1e-13);
  }
  EXPECT_NEAR(likelihood.log_normalisation(),
              -0.5 * (3 * std::log(2 * std::numbers::pi) + std::log(gamma.determinant())), 1e-13);
}

TEST(Likelihood, OfIndependentNoiseIsThatOfTheDiagonalMatrix) {
  const Eigen::Vector2d y(1.0, 2.0);
  const Eigen::Vector2d variances(0.5, 0.1);
  const Likelihood likelihood({.values = y, .noise = Noise::independent(variances)}, 0.0);

  const Eigen::VectorXd ll = likelihood.log_likelihood(Eigen::Vector2d(0.0, 2.5));

  EXPECT_NEAR(ll[0], -0.5 * (1.0 / 0.5 + 0.25 / 0.1), 1e-13);
  EXPECT_NEAR(likelihood.log_normalisation(),
              -0.5 * (2 * std::log(2 * std::numbers::pi) + std::log(0.05)), 1e-13);
}

TEST(Likelihood, LeavesOutObservationsOfNegligiblePrecision) {
  const Eigen::Vector2d y = Eigen::Vector2d::Zero();
  const Likelihood likelihood(
      {.values = y, .noise = Noise::independent(Eigen::Vector2d(1e-8, 1e8))}, 0.0);

  // 1e-8 is at or below 1e-15 of the largest precision, 1e8.
  EXPECT_EQ(likelihood.log_likelihood(Eigen::Vector2d(0.0, 1e6))[0], 0.0);
  EXPECT_EQ(likelihood.pointwise_log_likelihood(Eigen::Vector2d(0.0, 1e6))(1, 0), 0.0);
}

TEST(Likelihood, IsTheSumOfThatOfEveryObservation) {
  const Eigen::Vector2d variances(0.5, 0.1);
  const Likelihood likelihood(
      {.values = Eigen::Vector2d(1.0, 2.0), .noise = Noise::independent(variances)}, 0.01);
  Eigen::MatrixXd qois(2, 3);
  qois << 0.0, 1.0, 3.0, 2.5, 2.0, -1.0;

  const Eigen::MatrixXd pointwise = likelihood.pointwise_log_likelihood(qois);

  const Eigen::VectorXd whole =
      likelihood.log_likelihood(qois).array() + likelihood.log_normalisation();
  EXPECT_TRUE(pointwise.colwise().sum().transpose().isApprox(whole, 1e-14));
  EXPECT_NEAR(pointwise(1, 0),
              -0.5 * (0.25 / 0.11 + std::log(2 * std::numbers::pi) + std::log(0.11)), 1e-14);
}

}  // namespace
}  // namespace invar::space
