#include "invar/regression/gauss_newton.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "regression/quadrature.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::Vector2d;
using Eigen::VectorXd;

PriorExpectation prior_of(const space::Prior& prior, const space::Bounds& bounds) {
  const auto d = static_cast<std::size_t>(prior.dimension());
  const space::Space space{.names = std::vector<std::string>(d, "a"),
                           .units = std::vector<std::string>(d, ""),
                           .prior = prior,
                           .bounds = bounds};
  return {space, space::Transform(bounds, space::TransformMap::sigmoid, 0.0)};
}

PriorExpectation wide_prior(Index dimension, double std) {
  return prior_of(
      space::Prior::diagonal(VectorXd::Zero(dimension), VectorXd::Constant(dimension, std)),
      space::Bounds::none(dimension));
}

/// r(x) = A x - y.
struct Linear {
  MatrixXd model = 3.0 * normals(6, 4, 70);
  VectorXd data = normals(6, 1, 71);
  PriorExpectation prior = wide_prior(4, 2.0);

  void run(GaussNewton& search) const { search.take(prior, model * search.trial() - data, model); }
  [[nodiscard]] Gaussian posterior() const {
    const MatrixXd precision = model.transpose() * model + 0.25 * MatrixXd::Identity(4, 4);
    return {.mean = precision.inverse() * (model.transpose() * data),
            .lower = factor_of_inverse(precision)};
  }
};

TEST(GaussNewton, SettlesOnThePosteriorOfALinearModelInAFewRuns) {
  const Linear problem;
  GaussNewton search(VectorXd::Constant(4, 5.0));
  EXPECT_EQ(search.trial(), VectorXd(VectorXd::Constant(4, 5.0)));
  EXPECT_FALSE(search.has_point());
  int num_runs = 0;

  while (!search.has_settled() && num_runs < 20) {
    problem.run(search);
    ++num_runs;
  }

  EXPECT_LE(num_runs, 4);
  const Gaussian found = search.laplace(problem.prior);
  EXPECT_LT(distance(found.covariance(), problem.posterior().covariance()), 1e-12);
  // It settles when less than 0.02 nats per parameter are left.
  EXPECT_LT(0.5 * seen_from(problem.posterior(), found).mean.squaredNorm(), 0.02 * 4.0);
  for (int i = 0; i < 10; ++i) {
    problem.run(search);
  }
  EXPECT_LT(distance(search.laplace(problem.prior).mean, problem.posterior().mean), 1e-8);
  EXPECT_TRUE(search.has_settled());
}

VectorXd valley(const VectorXd& x) {
  return Vector2d(10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]);
}

MatrixXd valley_slope(const VectorXd& x) {
  return (Eigen::Matrix2d() << -20.0 * x[0], 10.0, -1.0, 0.0).finished();
}

TEST(GaussNewton, FollowsACurvedValley) {
  const PriorExpectation prior = wide_prior(2, 10.0);
  for (const Vector2d& start : {Vector2d(-1.2, 1.0), Vector2d(4.0, -3.0), Vector2d(-8.0, 9.0)}) {
    GaussNewton search(start);
    int num_runs = 0;

    while (!search.has_settled() && num_runs < 100) {
      search.take(prior, valley(search.trial()), valley_slope(search.trial()));
      ++num_runs;
    }

    EXPECT_LT(num_runs, 60);
    const Gaussian found = search.laplace(prior);
    const VectorXd gradient =
        valley_slope(found.mean).transpose() * valley(found.mean) + 0.01 * found.mean;
    // The decrease that a full step promises.
    EXPECT_LT(0.5 * (found.lower.transpose() * gradient).squaredNorm(), 0.04);
    EXPECT_LT((found.mean - Vector2d(1.0, 1.0)).norm(), 0.7);
  }
}

TEST(GaussNewton, KeepsItsBestPoint) {
  const PriorExpectation prior = wide_prior(2, 10.0);
  GaussNewton search(Vector2d(-1.2, 1.0));
  double best = HUGE_VAL;

  for (int i = 0; i < 30; ++i) {
    const VectorXd x = search.trial();
    const double value = 0.5 * valley(x).squaredNorm() - prior.log_density(x)[0];
    search.take(prior, valley(x), valley_slope(x));

    best = std::min(best, value);
    const VectorXd at = search.laplace(prior).mean;
    EXPECT_NEAR(0.5 * valley(at).squaredNorm() - prior.log_density(at)[0], best, 1e-12);
  }
}

TEST(GaussNewton, ComesCloserAfterFailures) {
  const Linear problem;
  GaussNewton search(VectorXd::Constant(4, 5.0));
  problem.run(search);
  const VectorXd best = search.laplace(problem.prior).mean;

  double last = (search.trial() - best).norm();
  for (int i = 0; i < 8; ++i) {
    search.take_failure(problem.prior);

    EXPECT_FALSE(search.has_settled());
    EXPECT_LT((search.trial() - best).norm(), last);
    last = (search.trial() - best).norm();
  }
  EXPECT_LT(last, 1e-4);
  EXPECT_EQ(search.laplace(problem.prior).mean, best);
}

TEST(GaussNewton, ComesCloserAfterRunsThatAreWorseThanPromised) {
  const Linear problem;
  GaussNewton search(VectorXd::Constant(4, 5.0));
  problem.run(search);
  const VectorXd best = search.laplace(problem.prior).mean;

  for (const double residual :
       {1e6, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const double last = (search.trial() - best).norm();
    search.take(problem.prior, VectorXd::Constant(6, residual), problem.model);

    EXPECT_LT((search.trial() - best).norm(), last) << residual;
    EXPECT_EQ(search.laplace(problem.prior).mean, best) << residual;
  }
}

TEST(GaussNewton, KnowsWhatItTriesAfterRejections) {
  const Linear problem;
  GaussNewton search(VectorXd::Constant(4, 5.0));
  problem.run(search);

  const std::vector<VectorXd> known = search.trials_if_rejected(problem.prior, 3);

  ASSERT_EQ(known.size(), 3U);
  for (const VectorXd& trial : known) {
    search.take(problem.prior, VectorXd::Constant(6, 1e6), problem.model);
    EXPECT_EQ(search.trial(), trial);
  }
}

TEST(GaussNewton, AFailureSkipsOneOfTheTrialsAfterRejections) {
  const Linear problem;
  GaussNewton search(VectorXd::Constant(4, 5.0));
  problem.run(search);
  const std::vector<VectorXd> known = search.trials_if_rejected(problem.prior, 2);

  search.take_failure(problem.prior);

  EXPECT_EQ(search.trial(), known[1]);
}

TEST(GaussNewton, EndsAfterFailuresWithoutEnd) {
  const Linear problem;
  GaussNewton search(VectorXd::Constant(4, 5.0));
  problem.run(search);
  int num_failures = 0;

  while (!search.has_settled() && num_failures < 1000) {
    search.take_failure(problem.prior);
    ++num_failures;
  }

  EXPECT_LT(num_failures, 100);
  EXPECT_TRUE(search.has_point());
}

TEST(GaussNewton, SettlesWithoutAPointWhereTheFirstRunFails) {
  GaussNewton search(VectorXd::Zero(3));

  search.take_failure(wide_prior(3, 1.0));

  EXPECT_TRUE(search.has_settled());
  EXPECT_FALSE(search.has_point());
}

TEST(GaussNewton, FindsTheLargestDensityBetweenBounds) {
  const space::Bounds bounds(VectorXd::Constant(1, 0.0), VectorXd::Constant(1, 1.0));
  const PriorExpectation prior = prior_of(
      space::Prior::diagonal(VectorXd::Constant(1, 0.5), VectorXd::Constant(1, 0.5)), bounds);
  const space::Transform transform(bounds, space::TransformMap::sigmoid, 0.0);
  const auto residual = [&](const VectorXd& x) {
    return VectorXd((transform.to_physical(x).array() - 0.9) / 0.1);
  };
  GaussNewton search(VectorXd::Constant(1, -2.0));

  for (int i = 0; i < 30; ++i) {
    const VectorXd x = search.trial();
    search.take(prior, residual(x), 10.0 * transform.jacobian(x));
  }

  double best = -HUGE_VAL;
  double mode = 0.0;
  for (double x = -5.0; x < 5.0; x += 1e-3) {
    const VectorXd at = VectorXd::Constant(1, x);
    const double density = prior.log_density(at)[0] - 0.5 * residual(at).squaredNorm();
    if (density > best) {
      best = density;
      mode = x;
    }
  }
  EXPECT_TRUE(search.has_settled());
  EXPECT_NEAR(search.laplace(prior).mean[0], mode, 2e-3);
}

}  // namespace
}  // namespace invar::regression
