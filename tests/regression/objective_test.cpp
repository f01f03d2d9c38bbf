#include "invar/regression/objective.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "regression/quadrature.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

PriorExpectation prior_of(const space::Prior& prior) {
  const auto d = static_cast<std::size_t>(prior.dimension());
  const space::Space space{.names = std::vector<std::string>(d, "a"),
                           .units = std::vector<std::string>(d, ""),
                           .prior = prior,
                           .bounds = space::Bounds::none(prior.dimension())};
  return {space, space::Transform(space.bounds, space::TransformMap::sigmoid, 0.0)};
}

/// r(x) = A x - y with a Gaussian prior, seen from a base.
struct Linear {
  explicit Linear(Gaussian seen_from_base, double strength = 1.0)
      : base(std::move(seen_from_base)),
        model(strength * normals(6, base.dimension(), 30)),
        data(normals(6, 1, 31)) {
    const Gaussian g = some_gaussian(base.dimension(), 32);
    prior_mean = g.mean;
    prior_covariance = g.covariance();
  }

  [[nodiscard]] QuadraticMap residuals() const {
    return {.offset = model * base.mean - data,
            .slope = base.lower.transpose() * model.transpose()};
  }
  [[nodiscard]] MatrixXd precision() const {
    return prior_covariance.inverse() + model.transpose() * model;
  }
  [[nodiscard]] VectorXd posterior_mean() const {
    return precision().inverse() *
           (prior_covariance.inverse() * prior_mean + model.transpose() * data);
  }
  [[nodiscard]] Gaussian posterior() const {
    return {.mean = posterior_mean(), .lower = factor_of_inverse(precision())};
  }

  Gaussian base;
  MatrixXd model;
  VectorXd data;
  VectorXd prior_mean;
  MatrixXd prior_covariance;
};

TEST(Objective, IsTheEvidenceLessTheDivergenceForALinearModel) {
  const Linear problem(some_gaussian(3));
  const PriorExpectation prior =
      prior_of(space::Prior::multivariate(problem.prior_mean, problem.prior_covariance));
  const Objective objective{
      .prior = prior, .base = problem.base, .residuals = problem.residuals(), .correction = {}};
  // log p(y) = log N(y; A m, A C A^T + I), without the likelihood's constant.
  const MatrixXd covariance = problem.model * problem.prior_covariance * problem.model.transpose() +
                              MatrixXd::Identity(6, 6);
  const VectorXd off = problem.data - problem.model * problem.prior_mean;
  const double evidence =
      -0.5 * (off.dot(covariance.inverse() * off) + std::log(covariance.determinant()));

  for (const std::uint32_t block : {1U, 2U}) {
    const Gaussian local = some_gaussian(3, block);
    const double elbo = objective.elbo(local, objective.log_joint(local));

    EXPECT_NEAR(elbo, evidence - kl_divergence(placed(problem.base, local), problem.posterior()),
                1e-10);
  }
}

TEST(Objective, HasTheDerivativesOfItsValue) {
  const PriorExpectation prior =
      prior_of(space::Prior::diagonal(VectorXd::Zero(3), VectorXd::Ones(3)));
  const Objective objective{.prior = prior,
                            .base = some_gaussian(3, 1),
                            .residuals = some_map(3, 4, 1),
                            .correction = some_map(3, 1, 2)};
  const Gaussian local = some_gaussian(3, 2);

  const Expectation found = objective.log_joint(local);

  const Expectation expected = differences(3, 1e-3, [&](const VectorXd& shift) {
    return objective.log_joint(shifted(local, shift)).value;
  });
  EXPECT_NEAR(found.value, expected.value, 1e-12);
  EXPECT_LT(distance(found.gradient, expected.gradient), 1e-4);
  EXPECT_LT(distance(found.hessian, expected.hessian), 1e-4);
}

TEST(Objective, IsTheMeanOfTheLogJointDensity) {
  const PriorExpectation prior =
      prior_of(space::Prior::diagonal(VectorXd::Zero(2), VectorXd::Ones(2)));
  const Objective objective{.prior = prior,
                            .base = some_gaussian(2, 1),
                            .residuals = some_map(2, 3, 1),
                            .correction = some_map(2, 1, 2)};
  const Gaussian local = some_gaussian(2, 2);
  const Rule rule = gauss_hermite(2, 5);
  const MatrixXd z = local.points(rule.nodes);
  const MatrixXd x = objective.base.points(z);

  const VectorXd log_likelihood =
      -0.5 * objective.residuals.values(z).colwise().squaredNorm().transpose() +
      objective.correction->values(z).row(0).transpose();
  const VectorXd log_q = placed(objective.base, local).log_density(x);

  const Expectation joint = objective.log_joint(local);
  EXPECT_NEAR(joint.value, rule.weights.dot(log_likelihood + prior.log_density(x)), 1e-11);
  EXPECT_NEAR(objective.elbo(local, joint),
              rule.weights.dot(log_likelihood + prior.log_density(x) - log_q), 1e-11);
}

TEST(Ascend, LandsOnThePosteriorOfALinearModel) {
  for (const double strength : {1.0, 30.0}) {
    for (const Gaussian& base : {some_gaussian(4), Gaussian::standard(4)}) {
      const Linear problem(base, strength);
      const PriorExpectation prior =
          prior_of(space::Prior::multivariate(problem.prior_mean, problem.prior_covariance));

      const Ascent ascent =
          ascend({.prior = prior, .base = base, .residuals = problem.residuals(), .correction = {}},
                 Family::full, HUGE_VAL);

      const Gaussian q = placed(base, ascent.local);
      const Gaussian posterior = problem.posterior();
      EXPECT_LT(distance(q.mean, posterior.mean), 1e-10);
      EXPECT_LT(distance(q.covariance(), posterior.covariance()), 1e-10);
      EXPECT_FALSE(ascent.is_limited);
      EXPECT_NEAR(ascent.gain, kl_divergence(base, posterior),
                  1e-10 * kl_divergence(base, posterior));
      EXPECT_NEAR(ascent.distance, kl_divergence(q, base), 1e-10 * ascent.distance);
    }
  }
}

TEST(Ascend, LandsOnTheBestMeanFieldOfALinearModel) {
  Gaussian base = some_gaussian(4);
  base.lower = base.std().asDiagonal();
  for (const double strength : {0.3, 3.0, 100.0}) {
    const Linear problem(base, strength);
    const PriorExpectation prior =
        prior_of(space::Prior::multivariate(problem.prior_mean, problem.prior_covariance));

    const Ascent ascent =
        ascend({.prior = prior, .base = base, .residuals = problem.residuals(), .correction = {}},
               Family::mean_field, HUGE_VAL);

    const Gaussian q = placed(base, ascent.local);
    const VectorXd variances = problem.precision().diagonal().cwiseInverse();
    EXPECT_TRUE(q.lower.isDiagonal(0.0));
    EXPECT_LT(distance(q.covariance().diagonal(), variances), 1e-10);
    const Gaussian best{.mean = problem.posterior_mean(),
                        .lower = variances.cwiseSqrt().asDiagonal()};
    EXPECT_LT(kl_divergence(q, best), 1e-10);
    // One step, also where the posterior is strongly correlated.
    EXPECT_LT(distance(q.mean, best.mean), 1e-9);
  }
}

TEST(Ascend, KeepsWithinTheTrustRegion) {
  const Gaussian base = some_gaussian(4);
  const Linear problem(base, 3.0);
  const PriorExpectation prior =
      prior_of(space::Prior::multivariate(problem.prior_mean, problem.prior_covariance));
  const Objective objective{
      .prior = prior, .base = base, .residuals = problem.residuals(), .correction = {}};
  const double whole = ascend(objective, Family::full, HUGE_VAL).distance;
  double last = 0.0;

  for (const double radius : {0.01, 0.1, 1.0, 0.5 * whole}) {
    const Ascent ascent = ascend(objective, Family::full, radius);

    EXPECT_TRUE(ascent.is_limited);
    EXPECT_LE(ascent.distance, radius);
    EXPECT_GT(ascent.distance, 0.3 * radius);
    EXPECT_NEAR(ascent.distance, kl_divergence(placed(base, ascent.local), base),
                1e-9 * (1.0 + ascent.distance));
    EXPECT_GT(ascent.gain, last);
    last = ascent.gain;
  }
  EXPECT_FALSE(ascend(objective, Family::full, 1.1 * whole).is_limited);
}

class EveryFamily : public ::testing::TestWithParam<Family> {};

TEST_P(EveryFamily, NeverLosesAndEndsWhereTheGradientIsZero) {
  const PriorExpectation prior =
      prior_of(space::Prior::diagonal(VectorXd::Zero(3), VectorXd::Ones(3)));
  for (std::uint32_t block = 0; block < 20; ++block) {
    QuadraticMap correction = some_map(3, 1, 2 * block + 1);
    correction.curvature *= 0.3;
    Gaussian base = some_gaussian(3, block);
    if (GetParam() == Family::mean_field) {
      base.lower = base.std().asDiagonal();
    }
    const Objective objective{.prior = prior,
                              .base = base,
                              .residuals = some_map(3, 5, 2 * block),
                              .correction = correction};
    const double first =
        objective.elbo(Gaussian::standard(3), objective.log_joint(Gaussian::standard(3)));
    double last = first;
    for (const double radius : {0.03, 0.3, 3.0, HUGE_VAL}) {
      const Ascent ascent = ascend(objective, GetParam(), radius);

      EXPECT_LE(ascent.distance, radius);
      EXPECT_GE(ascent.gain, 0.0);
      EXPECT_NEAR(ascent.elbo, first + ascent.gain, 1e-10 * (1.0 + std::abs(first)));
      EXPECT_NEAR(ascent.elbo, objective.elbo(ascent.local, objective.log_joint(ascent.local)),
                  1e-10 * (1.0 + std::abs(first)));
      last = ascent.elbo;
      if (!ascent.is_limited || radius == HUGE_VAL) {
        // The gradient in q's own coordinates, and precision = -E[Hessian]: I in these coordinates.
        const Expectation there = objective.log_joint(ascent.local);
        EXPECT_LT(there.gradient.norm(), 1e-4) << block << " " << radius;
        const MatrixXd precision = GetParam() == Family::full
                                       ? MatrixXd(-there.hessian)
                                       : MatrixXd((-there.hessian.diagonal()).asDiagonal());
        EXPECT_LT(distance(precision, MatrixXd::Identity(3, 3)), 1e-4) << block << " " << radius;
      }
    }
    EXPECT_GT(last, first);
  }
}

INSTANTIATE_TEST_SUITE_P(Ascend, EveryFamily, ::testing::Values(Family::full, Family::mean_field));

TEST(Ascend, SaysThatItIsLimitedOnlyWhereItEndsAtTheLimit) {
  const PriorExpectation prior =
      prior_of(space::Prior::diagonal(VectorXd::Zero(3), VectorXd::Ones(3)));
  for (std::uint32_t block = 0; block < 20; ++block) {
    const Objective objective{.prior = prior,
                              .base = some_gaussian(3, block),
                              .residuals = some_map(3, 5, 2 * block),
                              .correction = {}};
    const double whole = ascend(objective, Family::full, HUGE_VAL).distance;
    for (const double factor : {0.5, 0.8, 1.5, 3.0}) {
      const Ascent ascent = ascend(objective, Family::full, factor * whole);

      EXPECT_EQ(ascent.is_limited, factor < 1.0) << block << " " << factor;
      if (factor > 1.0) {
        EXPECT_NEAR(ascent.distance / whole, 1.0, 1e-4) << block << " " << factor;
      }
    }
  }
}

TEST(Ascend, StaysAtTheBaseWhereItIsBest) {
  const Linear problem(some_gaussian(3));
  const Gaussian base = problem.posterior();
  Linear from_best = problem;
  from_best.base = base;
  const PriorExpectation prior =
      prior_of(space::Prior::multivariate(problem.prior_mean, problem.prior_covariance));

  const Ascent ascent =
      ascend({.prior = prior, .base = base, .residuals = from_best.residuals(), .correction = {}},
             Family::full, 1.0);

  EXPECT_LT(ascent.distance, 1e-12);
  EXPECT_LT(std::abs(ascent.gain), 1e-12);
  EXPECT_FALSE(ascent.is_limited);
}

TEST(Ascend, WidensNoFurtherThanAMultipleOfThePriorWhereTheFitIsConvex) {
  // A fit that grows in every direction without end has no best Gaussian.
  const PriorExpectation prior =
      prior_of(space::Prior::diagonal(VectorXd::Zero(2), VectorXd::Ones(2)));
  const Objective objective{
      .prior = prior,
      .base = Gaussian::standard(2),
      .residuals = {.offset = VectorXd::Zero(1), .slope = MatrixXd::Zero(2, 1)},
      .correction = QuadraticMap{.offset = VectorXd::Zero(1),
                                 .slope = MatrixXd::Zero(2, 1),
                                 .curvature = 3.0 * MatrixXd::Identity(2, 2)}};

  const Ascent ascent = ascend(objective, Family::full, HUGE_VAL);

  // 0.1 of the prior's precision.
  EXPECT_LE(ascent.local.covariance().diagonal().maxCoeff(), 10.0 + 1e-9);
  EXPECT_GT(ascent.gain, 0.0);
  EXPECT_TRUE(ascent.local.lower.allFinite());
}

TEST(Ascend, DoesNotMoveWhereTheFitIsNotANumber) {
  const PriorExpectation prior =
      prior_of(space::Prior::diagonal(VectorXd::Zero(2), VectorXd::Ones(2)));
  const Objective objective{
      .prior = prior,
      .base = Gaussian::standard(2),
      .residuals = {.offset = VectorXd::Constant(1, std::nan("")), .slope = MatrixXd::Zero(2, 1)},
      .correction = {}};

  const Ascent ascent = ascend(objective, Family::full, 1.0);

  EXPECT_EQ(ascent.local.lower, MatrixXd(MatrixXd::Identity(2, 2)));
  EXPECT_EQ(ascent.local.mean, VectorXd(VectorXd::Zero(2)));
}

}  // namespace
}  // namespace invar::regression
