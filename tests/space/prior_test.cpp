#include "invar/space/prior.hpp"

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
  c << 1.0, 0.3, 0.1, 0.3, 0.5, -0.2, 0.1, -0.2, 2.0;
  return c;
}

double dense_log_density(const Eigen::VectorXd& mean, const Eigen::MatrixXd& c,
                         const Eigen::VectorXd& x) {
  const Eigen::VectorXd e = x - mean;
  return -0.5 *
         (e.dot(c.inverse() * e) + static_cast<double>(x.size()) * std::log(2 * std::numbers::pi) +
          std::log(c.determinant()));
}

template <class Make>
void expect_config_error(const Make& make) {
  try {
    make();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
  }
}

TEST(Prior, HasTheDenseFormulasDensity) {
  const Eigen::Vector3d mean(0.1, -0.2, 1.0);
  const Prior prior = Prior::multivariate(mean, covariance());
  const Eigen::MatrixXd points = Eigen::MatrixXd::Random(3, 4);

  const Eigen::VectorXd density = prior.log_density(points);

  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    EXPECT_NEAR(density[i], dense_log_density(mean, covariance(), points.col(i)), 1e-13);
  }
  EXPECT_NEAR((prior.covariance() - covariance()).norm(), 0.0, 1e-15);
  EXPECT_NEAR(prior.std()[2], std::sqrt(2.0), 1e-15);
}

TEST(Prior, OfIndependentComponentsHasTheDenseFormulasDensity) {
  const Eigen::Vector2d mean(0.1, -0.2);
  const Eigen::Vector2d std(0.5, 3.0);
  const Prior prior = Prior::diagonal(mean, std);
  const Eigen::MatrixXd points = Eigen::MatrixXd::Random(2, 4);

  const Eigen::VectorXd density = prior.log_density(points);

  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    EXPECT_NEAR(density[i], dense_log_density(mean, std.cwiseAbs2().asDiagonal(), points.col(i)),
                1e-13);
  }
}

TEST(Prior, RefusesStandardDeviationsThatAreNotPositive) {
  expect_config_error([] { Prior::diagonal(Eigen::Vector2d::Zero(), Eigen::Vector2d(1, 0)); });
  expect_config_error([] { Prior::diagonal(Eigen::Vector2d::Zero(), Eigen::Vector2d(1, nan)); });
  expect_config_error([] { Prior::diagonal(Eigen::Vector2d(0, nan), Eigen::Vector2d::Ones()); });
}

TEST(Prior, RefusesSizesThatDiffer) {
  expect_config_error([] { Prior::diagonal(Eigen::Vector2d::Zero(), Eigen::Vector3d::Ones()); });
  expect_config_error([] { Prior::diagonal(Eigen::VectorXd(), Eigen::VectorXd()); });
  expect_config_error([] { Prior::multivariate(Eigen::Vector2d::Zero(), covariance()); });
}

TEST(Prior, RefusesACovarianceThatIsNotSymmetricPositiveDefinite) {
  const Eigen::Vector3d mean = Eigen::Vector3d::Zero();
  Eigen::MatrixXd matrix = covariance();
  matrix(0, 1) = 0.0;
  expect_config_error([&] { Prior::multivariate(mean, matrix); });
  expect_config_error([&] { Prior::multivariate(mean, -covariance()); });
  expect_config_error([&] { Prior::multivariate(mean, covariance() * nan); });
  expect_config_error([&] { Prior::multivariate(mean * nan, covariance()); });
}

}  // namespace
}  // namespace invar::space
