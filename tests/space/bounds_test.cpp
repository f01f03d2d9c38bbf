#include "invar/space/bounds.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace invar::space {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

TEST(Bounds, CutEveryEntryToItsLimits) {
  const Bounds bounds(Eigen::Vector2d(-1.0, -infinity), Eigen::Vector2d(1.0, 5.0));
  Eigen::MatrixXd points(2, 3);
  points << -2.0, 0.5, 3.0, -1e300, 4.0, 6.0;

  const Eigen::MatrixXd cut = bounds.clip(points);

  Eigen::MatrixXd expected(2, 3);
  expected << -1.0, 0.5, 1.0, -1e300, 4.0, 5.0;
  EXPECT_EQ(cut, expected);
}

TEST(Bounds, MakeNotANumberTheUpperLimit) {
  const Bounds bounds(Eigen::VectorXd::Constant(1, -1.0), Eigen::VectorXd::Constant(1, 2.0));

  EXPECT_EQ(bounds.clip(Eigen::MatrixXd::Constant(1, 1, nan))(0, 0), 2.0);
}

TEST(Bounds, KnowWhetherAnySideIsClosed) {
  EXPECT_FALSE(Bounds::none(3).has_any());
  EXPECT_TRUE(
      Bounds(Eigen::Vector2d(-infinity, 0.0), Eigen::Vector2d::Constant(infinity)).has_any());
}

void expect_refused(const Eigen::VectorXd& min, const Eigen::VectorXd& max) {
  try {
    Bounds(min, max);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
  }
}

TEST(Bounds, RefuseAMaximumThatIsNotAboveItsMinimum) {
  expect_refused(Eigen::Vector2d(0.0, 1.0), Eigen::Vector2d(1.0, 1.0));
  expect_refused(Eigen::Vector2d(0.0, 2.0), Eigen::Vector2d(1.0, 1.0));
}

TEST(Bounds, RefuseDifferentSizesAndNotANumber) {
  expect_refused(Eigen::VectorXd::Zero(2), Eigen::VectorXd::Ones(3));
  expect_refused(Eigen::Vector2d(0.0, nan), Eigen::Vector2d(1.0, 1.0));
}

}  // namespace
}  // namespace invar::space
