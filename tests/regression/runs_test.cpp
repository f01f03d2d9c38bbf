#include "invar/regression/runs.hpp"

#include <cmath>

#include "regression/quadrature.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

TEST(Runs, AreEmptyAtFirst) {
  const Runs runs(3, 2);

  EXPECT_EQ(runs.size(), 0);
  EXPECT_EQ(runs.x().rows(), 3);
  EXPECT_EQ(runs.residuals().rows(), 2);
  EXPECT_EQ(runs.log_weights(Gaussian::standard(3)).size(), 0);
}

TEST(Runs, KeepWhatIsAddedInOrder) {
  Runs runs(2, 3);
  const MatrixXd x = normals(2, 9, 1);
  const MatrixXd residuals = normals(3, 9, 2);
  const std::vector<MatrixXd> jacobians{normals(3, 2, 3), normals(3, 2, 4)};

  runs.add(some_gaussian(2, 1), 5.0, x.leftCols(5), residuals.leftCols(5), {});
  runs.add(some_gaussian(2, 2), 2.0, x.middleCols(5, 2), residuals.middleCols(5, 2), jacobians);
  runs.add(some_gaussian(2, 3), 2.0, x.rightCols(2), residuals.rightCols(2), {});

  EXPECT_EQ(runs.size(), 9);
  EXPECT_EQ(runs.x(), x);
  EXPECT_EQ(runs.residuals(), residuals);
  EXPECT_EQ(runs.jacobian(4).size(), 0);
  EXPECT_EQ(runs.jacobian(5), jacobians[0]);
  EXPECT_EQ(runs.jacobian(6), jacobians[1]);
  EXPECT_EQ(runs.jacobian(8).size(), 0);
  EXPECT_EQ(runs.proposals().size(), 3U);
  EXPECT_NEAR(runs.log_likelihoods()[7], -0.5 * residuals.col(7).squaredNorm(), 1e-14);
}

TEST(Runs, AreWeighedByTheBalanceHeuristic) {
  const Gaussian first = some_gaussian(2, 1);
  const Gaussian second = some_gaussian(2, 2);
  const Gaussian q = some_gaussian(2, 3);
  Runs runs(2, 1);
  const MatrixXd x = normals(2, 8, 1);

  // Of six draws from the second two came to nothing.
  runs.add(first, 4.0, x.leftCols(4), MatrixXd::Zero(1, 4), {});
  runs.add(second, 6.0, x.rightCols(4), MatrixXd::Zero(1, 4), {});

  const VectorXd mixture =
      0.4 * first.log_density(x).array().exp() + 0.6 * second.log_density(x).array().exp();
  const VectorXd expected = q.log_density(x).array() - mixture.array().log();
  EXPECT_LT(distance(runs.log_weights(q), expected), 1e-12);
}

TEST(Runs, HaveWeightsThatDoNotDependOnTheOrderOfTheirBatches) {
  const MatrixXd x = normals(3, 10, 1);
  const MatrixXd none = MatrixXd::Zero(1, 5);
  Runs forward(3, 1);
  forward.add(some_gaussian(3, 1), 5.0, x.leftCols(5), none, {});
  forward.add(some_gaussian(3, 2), 7.0, x.rightCols(5), none, {});
  Runs backward(3, 1);
  backward.add(some_gaussian(3, 2), 7.0, x.rightCols(5), none, {});
  backward.add(some_gaussian(3, 1), 5.0, x.leftCols(5), none, {});

  const VectorXd a = forward.log_weights(some_gaussian(3, 4));
  const VectorXd b = backward.log_weights(some_gaussian(3, 4));

  EXPECT_LT(distance(a.head(5), b.tail(5)), 1e-12);
  EXPECT_LT(distance(a.tail(5), b.head(5)), 1e-12);
}

TEST(Runs, HaveEqualWeightsUnderTheirOnlyProposal) {
  const Gaussian g = some_gaussian(3);
  Runs runs(3, 1);
  runs.add(g, 6.0, g.points(normals(3, 6)), MatrixXd::Zero(1, 6), {});

  EXPECT_LT(runs.log_weights(g).cwiseAbs().maxCoeff(), 1e-13);
}

TEST(Runs, GiveMeansUnderAnotherGaussian) {
  const Gaussian first{.mean = VectorXd::Constant(1, -1.0), .lower = MatrixXd::Constant(1, 1, 1.0)};
  const Gaussian second{.mean = VectorXd::Constant(1, 1.5), .lower = MatrixXd::Constant(1, 1, 0.7)};
  const Gaussian q{.mean = VectorXd::Constant(1, 0.4), .lower = MatrixXd::Constant(1, 1, 0.8)};
  constexpr Index n = 20000;
  Runs runs(1, 1);
  for (const auto& [g, block] : {std::pair(first, 1U), std::pair(second, 2U)}) {
    runs.add(g, n, g.points(normals(1, n, block)), MatrixXd::Zero(1, n), {});
  }

  const VectorXd weights = runs.log_weights(q).array().exp();

  // The weights are at most 2 sup q / (q1 + q2) < 3: standard errors below 3 / sqrt(40,000).
  EXPECT_NEAR(weights.mean(), 1.0, 0.03);
  EXPECT_NEAR(weights.dot(runs.x().row(0)) / weights.sum(), 0.4, 0.03);
}

TEST(Runs, StayFiniteFarFromEveryProposal) {
  Runs runs(2, 1);
  runs.add(Gaussian::standard(2), 3.0, 1e3 * normals(2, 3), MatrixXd::Zero(1, 3), {});
  runs.add({.mean = VectorXd::Constant(2, 1e4), .lower = 1e-3 * MatrixXd::Identity(2, 2)}, 2.0,
           normals(2, 2), MatrixXd::Zero(1, 2), {});

  EXPECT_TRUE(runs.log_weights(some_gaussian(2)).allFinite());
}

TEST(Runs, TakeABatchWithoutRuns) {
  Runs runs(2, 1);
  runs.add(some_gaussian(2, 1), 3.0, MatrixXd(2, 0), MatrixXd(1, 0), {});
  EXPECT_EQ(runs.size(), 0);
  const MatrixXd x = normals(2, 4);
  runs.add(some_gaussian(2, 2), 4.0, x, MatrixXd::Zero(1, 4), {});
  runs.add(some_gaussian(2, 3), 3.0, MatrixXd(2, 0), MatrixXd(1, 0), {});

  const VectorXd mixture = 0.3 * some_gaussian(2, 1).log_density(x).array().exp() +
                           0.4 * some_gaussian(2, 2).log_density(x).array().exp() +
                           0.3 * some_gaussian(2, 3).log_density(x).array().exp();
  EXPECT_LT(distance(runs.log_weights(Gaussian::standard(2)),
                     Gaussian::standard(2).log_density(x) - VectorXd(mixture.array().log())),
            1e-12);
}

TEST(EffectiveSampleSize, CountsEqualWeights) {
  EXPECT_NEAR(effective_sample_size(VectorXd::Constant(7, -1e4)), 7.0, 1e-12);
  VectorXd log_weights = VectorXd::Zero(7);
  log_weights[3] = 1e5;
  EXPECT_NEAR(effective_sample_size(log_weights), 1.0, 1e-12);
}

TEST(EffectiveSampleSize, IsTheSquareOfTheSumOverTheSumOfSquares) {
  const VectorXd weights = Eigen::Vector3d(1.0, 2.0, 5.0);

  EXPECT_NEAR(effective_sample_size(weights.array().log() + 700.0), 64.0 / 30.0, 1e-10);
}

}  // namespace
}  // namespace invar::regression
