#include "invar/space/draws.hpp"

#include <cmath>
#include <limits>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace invar::space {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::Vector2d;
using Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr core::StreamKey key{.seed = 7, .purpose = core::Purpose::test};

Space make_space(Prior prior, Bounds bounds) {
  return {.names = {"a", "b"}, .units = {"", ""}, .prior = std::move(prior), .bounds = bounds};
}

MatrixXd covariance_of(const MatrixXd& draws) {
  const MatrixXd centred = draws.colwise() - draws.rowwise().mean();
  return centred * centred.transpose() / static_cast<double>(draws.cols());
}

TEST(DrawPrior, HasTheMomentsOfThePrior) {
  MatrixXd covariance(2, 2);
  covariance << 4.0, 1.2, 1.2, 1.0;
  const Vector2d mean(3.0, -1.0);
  constexpr Index n = 40'000;

  for (const Prior& prior :
       {Prior::multivariate(mean, covariance), Prior::diagonal(mean, Vector2d(2.0, 1.0))}) {
    const auto draws = draw_prior(make_space(prior, Bounds::none(2)), key, n);

    ASSERT_TRUE(draws.has_value());
    // Standard errors: 2 / sqrt(n) = 0.01 of the mean, 4 sqrt(2 / n) = 0.03 of the variance.
    EXPECT_LT((draws->rowwise().mean() - mean).cwiseAbs().maxCoeff(), 0.04);
    EXPECT_LT((covariance_of(*draws) - prior.covariance()).cwiseAbs().maxCoeff(), 0.12);
  }
}

TEST(DrawPrior, StaysInTheBoundsWithTheMomentsOfTheTruncatedNormal) {
  // Half of a standard normal: mean sqrt(2 / pi), variance 1 - 2 / pi.
  const Bounds bounds(Vector2d(0.0, -infinity), Vector2d(infinity, infinity));
  MatrixXd identity = MatrixXd::Identity(2, 2);
  constexpr Index n = 40'000;
  for (const Prior& prior : {Prior::diagonal(Vector2d::Zero(), Vector2d::Ones()),
                             Prior::multivariate(Vector2d::Zero(), identity)}) {
    const auto draws = draw_prior(make_space(prior, bounds), key, n);

    ASSERT_TRUE(draws.has_value());
    EXPECT_GE(draws->row(0).minCoeff(), 0.0);
    // Standard errors: 0.6 / sqrt(n) = 0.003 and 0.005.
    EXPECT_NEAR(draws->row(0).mean(), std::sqrt(2.0 / M_PI), 0.012);
    EXPECT_NEAR(draws->row(1).mean(), 0.0, 0.02);
    EXPECT_NEAR(covariance_of(*draws)(0, 0), 1.0 - 2.0 / M_PI, 0.012);
    EXPECT_NEAR(covariance_of(*draws)(0, 1), 0.0, 0.012);
  }
}

TEST(DrawPrior, GivesUpWhereTheBoundsHaveHardlyAnyOfThePrior) {
  const Bounds far(Vector2d(50.0, 0.0), Vector2d(51.0, 1.0));
  const Prior prior = Prior::diagonal(Vector2d::Zero(), Vector2d::Ones());

  EXPECT_FALSE(draw_prior(make_space(prior, far), key, 3).has_value());
}

TEST(DrawPrior, DoesNotDependOnHowManyAreAskedFor) {
  const Bounds bounds(Vector2d(0.0, -0.5), Vector2d(infinity, 0.5));
  const Space space = make_space(Prior::diagonal(Vector2d::Zero(), Vector2d::Ones()), bounds);

  EXPECT_EQ(*draw_prior(space, key, 10), draw_prior(space, key, 100)->leftCols(10));
}

TEST(DrawNoise, HasTheRegularizedCovariance) {
  MatrixXd covariance(2, 2);
  covariance << 1.0, 0.5, 0.5, 0.25;  // singular
  constexpr Index n = 40'000;

  const MatrixXd correlated = draw_noise(Noise::correlated(covariance), 0.1, key, n);
  const MatrixXd independent = draw_noise(Noise::independent(Vector2d(1.0, 0.25)), 0.1, key, n);

  // Standard error of a variance of 1.1: 1.1 sqrt(2 / n) = 0.008.
  const MatrixXd ridge = 0.1 * MatrixXd::Identity(2, 2);
  EXPECT_LT((covariance_of(correlated) - covariance - ridge).cwiseAbs().maxCoeff(), 0.03);
  EXPECT_NEAR(covariance_of(independent)(0, 0), 1.1, 0.03);
  EXPECT_NEAR(covariance_of(independent)(1, 1), 0.35, 0.01);
  EXPECT_NEAR(covariance_of(independent)(0, 1), 0.0, 0.015);
}

TEST(Resample, TakesEachOfEquallyWeightedItemsOnce) {
  for (const Index n : {1, 3, 32, 1000, 4099}) {
    std::vector<Index> all(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i) {
      all[static_cast<std::size_t>(i)] = i;
    }

    EXPECT_EQ(resample(VectorXd::Ones(n), key, n), all);
    EXPECT_EQ(resample(VectorXd::Constant(n, 1.0 / static_cast<double>(n)), key, n), all);
  }
}

TEST(Resample, TakesItemsInProportionToTheirWeights) {
  const Eigen::Vector4d weights(0.0, 0.25, 0.749, 0.0);  // the last is never reached
  std::map<Index, int> counts;

  for (const Index item : resample(weights, key, 999)) {
    ++counts[item];
  }

  EXPECT_EQ(counts, (std::map<Index, int>{{1, 250}, {2, 749}}));
}

TEST(Resample, MayTakeMoreDrawsThanThereAreItems) {
  EXPECT_THAT(resample(Vector2d(0.5, 0.5), key, 4), ::testing::ElementsAre(0, 0, 1, 1));
}

}  // namespace
}  // namespace invar::space
