#include "invar/space/transform.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace invar::space {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Two-sided, lower, upper, none.
Bounds mixed_bounds() {
  return {Eigen::Vector4d(-1.0, 2.0, -infinity, -infinity),
          Eigen::Vector4d(3.0, infinity, 5.0, infinity)};
}

class EveryMap : public ::testing::TestWithParam<TransformMap> {};

TEST_P(EveryMap, IsInvertedByToOptimizer) {
  const Transform transform(mixed_bounds(), GetParam(), 1e-3);
  const Eigen::Vector4d x(0.7, -1.2, 0.4, 8.0);

  const Eigen::VectorXd theta = transform.to_physical(x);

  EXPECT_NEAR((transform.to_optimizer(theta) - x).norm(), 0.0, 1e-12);
  EXPECT_EQ(theta[3], x[3]);
}

TEST_P(EveryMap, HasTheJacobianOfDifferences) {
  const Transform transform(mixed_bounds(), GetParam(), 1e-2);
  const Eigen::Vector4d x(-0.3, 0.6, -0.9, 1.0);
  const double step = 1e-5;

  const Eigen::VectorXd jacobian = transform.jacobian(x);

  const Eigen::VectorXd above = transform.to_physical((x.array() + step).matrix());
  const Eigen::VectorXd below = transform.to_physical((x.array() - step).matrix());
  EXPECT_NEAR((jacobian - (above - below) / (2 * step)).norm(), 0.0, 1e-8);
  EXPECT_NEAR(transform.log_jacobian(x)[0], jacobian.array().log().sum(), 1e-14);
}

TEST_P(EveryMap, KeepsTheMarginFree) {
  const Transform transform(mixed_bounds(), GetParam(), 0.1);
  const Eigen::Vector4d x(1e9, 0.0, 0.0, 0.0);

  EXPECT_NEAR(transform.to_physical(x)(0, 0), 3.0 - 0.4, 1e-6);
  EXPECT_NEAR(transform.to_physical(-x)(0, 0), -1.0 + 0.4, 1e-6);
}

TEST_P(EveryMap, GivesTheSmallestStdOfTwoSidedParametersOnly) {
  const Transform transform(mixed_bounds(), GetParam(), 0.0);
  const Eigen::Vector4d x(0.5, 0.5, 0.5, 0.5);

  const Eigen::VectorXd minimum = transform.minimum_std(x, 0.01);

  EXPECT_NEAR(minimum[0], 0.01 * 4.0 / transform.jacobian(x)(0, 0), 1e-15);
  EXPECT_EQ(minimum.tail(3), Eigen::Vector3d::Zero());
}

INSTANTIATE_TEST_SUITE_P(Transform, EveryMap,
                         ::testing::Values(TransformMap::sigmoid, TransformMap::arctan));

TEST(Transform, HasTheFormulasOfItsMaps) {
  const Bounds bounds(Eigen::VectorXd::Constant(1, 1.0), Eigen::VectorXd::Constant(1, 3.0));
  const Eigen::VectorXd x = Eigen::VectorXd::Constant(1, 1.0);

  // 1 + 2 (m + (1 - 2m) u), u = 1/(1 + 1/e) = 0.7310585786300049 and 1/2 + 1/4
  EXPECT_NEAR(Transform(bounds, TransformMap::sigmoid, 0.1).to_physical(x)(0, 0),
              1.0 + 2.0 * (0.1 + 0.8 * 0.7310585786300049), 1e-15);
  EXPECT_NEAR(Transform(bounds, TransformMap::arctan, 0.1).to_physical(x)(0, 0),
              1.0 + 2.0 * (0.1 + 0.8 * 0.75), 1e-15);
}

TEST(Transform, WithoutBoundsIsTheIdentity) {
  const Transform transform(Bounds::none(2), TransformMap::sigmoid, 0.0);
  const Eigen::MatrixXd x = Eigen::MatrixXd::Random(2, 3);

  EXPECT_TRUE(transform.is_identity());
  EXPECT_EQ(transform.to_physical(x), x);
  EXPECT_EQ(transform.log_jacobian(x), Eigen::VectorXd::Zero(3));
}

TEST(Transform, StaysFiniteFarOut) {
  const Transform transform(
      Bounds(Eigen::VectorXd::Constant(1, 0.0), Eigen::VectorXd::Constant(1, 1.0)),
      TransformMap::sigmoid, 0.0);

  // Beyond 36.7 the derivative rounds to 0, and its logarithm is floored.
  EXPECT_NEAR(transform.log_jacobian(Eigen::VectorXd::Constant(1, 50.0))[0], std::log(1e-300),
              1e-12);
  EXPECT_NEAR(transform.to_optimizer(Eigen::VectorXd::Constant(1, 1.0))[0], std::log(1e12), 1e-3);
}

TEST(Transform, ReachesWhatLiesWithinItsBoundsAndMargin) {
  const Bounds bounds(Eigen::Vector4d(-1.0, 2.0, -HUGE_VAL, -HUGE_VAL),
                      Eigen::Vector4d(1.0, HUGE_VAL, 5.0, HUGE_VAL));
  const Transform transform(bounds, TransformMap::arctan, 0.1);

  EXPECT_TRUE(transform.reaches(Eigen::Vector4d(0.79, 2.001, 4.999, 1e300)));
  EXPECT_FALSE(transform.reaches(Eigen::Vector4d(0.81, 3.0, 0.0, 0.0)));
  EXPECT_FALSE(transform.reaches(Eigen::Vector4d(-0.81, 3.0, 0.0, 0.0)));
  EXPECT_FALSE(transform.reaches(Eigen::Vector4d(0.0, 2.0, 0.0, 0.0)));
  EXPECT_FALSE(transform.reaches(Eigen::Vector4d(0.0, 3.0, 5.0, 0.0)));
}

TEST(Transform, RefusesAStartAtAOneSidedBound) {
  const Transform transform(mixed_bounds(), TransformMap::sigmoid, 0.0);

  for (const Eigen::Vector4d& theta :
       {Eigen::Vector4d(0.0, 2.0, 0.0, 0.0), Eigen::Vector4d(0.0, 3.0, 5.0, 0.0)}) {
    try {
      static_cast<void>(transform.to_optimizer(theta));
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
    }
  }
}

}  // namespace
}  // namespace invar::space
