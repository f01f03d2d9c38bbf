#include "doctor/points.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "doctor/fixture.hpp"

namespace {

using namespace invar::doctor;
using invar::test::small_space;

constexpr double infinity = std::numeric_limits<double>::infinity();

invar::space::Bounds tight_bounds() {
  return {Eigen::Vector3d(-0.1, -infinity, 0.0), Eigen::Vector3d(0.1, 0.0, infinity)};
}

TEST(UsualPoints, BeginWithThePriorMeanAndAreAFunctionOfTheSeed) {
  const Eigen::MatrixXd points = usual_points(small_space(), 7, 5);

  EXPECT_EQ(points.cols(), 6);
  EXPECT_EQ(points.col(0), Eigen::Vector3d::Zero());
  EXPECT_EQ(points, usual_points(small_space(), 7, 5));
  EXPECT_EQ(points.leftCols(4), usual_points(small_space(), 7, 3));
  EXPECT_NE(points, usual_points(small_space(), 8, 5));
}

TEST(UsualPoints, HaveTheMomentsOfThePrior) {
  const Eigen::Vector2d mean(1, -2);
  const Eigen::Matrix2d covariance{{4.0, 1.0}, {1.0, 2.0}};
  const invar::space::Space space{.names = {"a", "b"},
                                  .units = {"", ""},
                                  .prior = invar::space::Prior::multivariate(mean, covariance),
                                  .bounds = invar::space::Bounds::none(2)};
  constexpr Eigen::Index n = 4000;

  const Eigen::MatrixXd draws = usual_points(space, 1, n).rightCols(n);

  const Eigen::MatrixXd off = draws.colwise() - mean;
  const Eigen::Matrix2d found = off * off.transpose() / static_cast<double>(n);
  EXPECT_LT((draws.rowwise().mean() - mean).norm(), 0.15);     // 4 standard errors of the larger
  EXPECT_LT((found - covariance).cwiseAbs().maxCoeff(), 0.4);  // 4 standard errors: 4 4 sqrt(2/n)
}

TEST(UsualPoints, LieInsideTheBounds) {
  const auto bounds = tight_bounds();

  const Eigen::MatrixXd points = usual_points(small_space(bounds), 1, 50);

  for (const auto& point : points.colwise()) {
    EXPECT_TRUE((point.array() > bounds.min().array()).all());
    EXPECT_TRUE((point.array() < bounds.max().array()).all());
  }
}

TEST(LargestStep, KeepsBothEndsInsideTheBounds) {
  const auto space = small_space(tight_bounds());
  const Eigen::Vector3d x(0.05, -1, 1);

  EXPECT_DOUBLE_EQ(largest_step(space, x, Eigen::Vector3d(1, 0, 0), 0.5), 0.05);
  EXPECT_DOUBLE_EQ(largest_step(space, x, Eigen::Vector3d(0, 1, -1), 0.5), 0.5);
  EXPECT_DOUBLE_EQ(largest_step(space, x, Eigen::Vector3d(0, 0, -4), 0.5), 0.25);
}

TEST(HostilePoints, HoldNanInfinitiesAndFarValuesUnderNamesOfTheirOwn) {
  const auto points = hostile_points(small_space(tight_bounds()));

  std::set<std::string> names;
  const auto count = [&points](const auto& condition) {
    return std::count_if(points.begin(), points.end(),
                         [&](const HostilePoint& point) { return condition(point.parameters); });
  };
  for (const HostilePoint& point : points) {
    names.insert(point.name);
    EXPECT_EQ(point.parameters.size(), 3);
  }
  EXPECT_EQ(names.size(), points.size());
  EXPECT_EQ(names.count("NaN in b"), 1U);
  EXPECT_EQ(names.count("c 1000 std below the prior mean"), 1U);
  EXPECT_EQ(names.count("a std above all upper bounds"), 1U);
  EXPECT_EQ(count([](const Eigen::VectorXd& x) { return x.hasNaN(); }), 4);
  EXPECT_EQ(count([](const Eigen::VectorXd& x) { return x.array().isInf().all(); }), 2);
  EXPECT_GE(count([](const Eigen::VectorXd& x) { return x.allFinite(); }), 10);
}

}  // namespace
