#include "invar/regression/surrogate_posterior.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "regression/problem.hpp"
#include "regression/quadrature.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// The prior N(0, diag(1, 9)).
const PriorExpectation& prior() {
  static const space::Space space = make_space(VectorXd::Zero(2), Eigen::Vector2d(1.0, 3.0));
  static const space::Transform transform(space.bounds, {}, 0.0);
  static const PriorExpectation expectation(space, transform);
  return expectation;
}

/// y - x^2 and what a quadratic cannot say, in units of a noise of 0.3.
MatrixXd bend(const MatrixXd& x, double wave) {
  return (x.row(1).array() - x.row(0).array().square() + wave * (2.0 * x.row(0)).array().sin()) /
         0.3;
}

const Gaussian& base() {
  static const Gaussian gaussian{.mean = Eigen::Vector2d(0.0, 0.9),
                                 .lower = Eigen::Vector2d(1.2, 1.6).asDiagonal()};
  return gaussian;
}

Runs bent_runs(Index number, double wave, std::uint32_t block = 0) {
  Runs runs(2, 1);
  const MatrixXd x = base().points(normals(2, number, 300 + block));
  runs.add(base(), static_cast<double>(number), x, bend(x, wave), {});
  return runs;
}

SurrogatePosterior fitted(const Runs& runs) {
  return {fit_surrogate(runs, base(), {}), base(), prior(), runs};
}

VectorXd weights_of(const Runs& runs) {
  const VectorXd log_weights =
      runs.log_likelihoods() + prior().log_density(runs.x()) - runs.log_mixture();
  const VectorXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
  return weights / weights.sum();
}

CorrectedMoments corrected(const Runs& runs) {
  const SurrogatePosterior posterior = fitted(runs);
  const SurrogatePosterior::Draws draws = posterior.draws(1);
  return corrected_moments(runs.x(), weights_of(runs), posterior.weights_of_runs(), draws.x,
                           draws.weights);
}

/// By the rectangle rule.
std::pair<VectorXd, MatrixXd> exact_moments(double wave) {
  MatrixXd x(2, 401 * 801);
  Index i = 0;
  for (const double a : VectorXd::LinSpaced(401, -5.0, 5.0)) {
    for (const double b : VectorXd::LinSpaced(801, -4.0, 16.0)) {
      x.col(i++) = Eigen::Vector2d(a, b);
    }
  }
  const VectorXd log_density =
      prior().log_density(x) - 0.5 * bend(x, wave).cwiseAbs2().row(0).transpose();
  VectorXd weights = (log_density.array() - log_density.maxCoeff()).exp();
  weights /= weights.sum();
  const VectorXd mean = x * weights;
  const MatrixXd centred = x.colwise() - mean;
  return {mean, centred * weights.asDiagonal() * centred.transpose()};
}

TEST(SurrogatePosterior, IsThePosteriorWhereTheModelIsQuadratic) {
  const Runs runs = bent_runs(60, 0.0);
  const SurrogatePosterior posterior = fitted(runs);

  const VectorXd exact = runs.log_likelihoods() + prior().log_density(runs.x());
  EXPECT_LT(distance(posterior.log_density(runs.x()), exact), 1e-6);
  EXPECT_LT(distance(posterior.weights_of_runs(), weights_of(runs)), 1e-6);
}

TEST(SurrogatePosterior, IsBoundedWhereNoRunHasBeen) {
  const Runs runs = bent_runs(60, 0.0);
  const MatrixXd far = Eigen::Vector2d(5.0, 25.0);
  const VectorXd log_weights =
      runs.log_likelihoods() + prior().log_density(runs.x()) - runs.log_mixture();

  const double limit = runs.log_mixture(far)[0] + std::log(log_weights.array().exp().sum());

  EXPECT_GT(prior().log_density(far)[0] - 0.5 * bend(far, 0.0).squaredNorm(), limit + 5.0);
  EXPECT_NEAR(fitted(runs).log_density(far)[0], limit, 1e-9 * std::abs(limit));
}

TEST(SurrogatePosterior, MakesNoDrawsThatWouldTakeTooLong) {
  const Index d = 1500;
  const space::Space space = make_space(VectorXd::Zero(d), VectorXd::Ones(d));
  const space::Transform transform(space.bounds, {}, 0.0);
  const PriorExpectation wide(space, transform);
  const Gaussian from = Gaussian::standard(d);
  Runs runs(d, 1);
  const MatrixXd x = normals(d, 4);
  runs.add(from, 4.0, x, x.row(0), {});
  Surrogate surrogate;
  surrogate.residuals = {.offset = VectorXd::Zero(1), .slope = MatrixXd::Zero(d, 1)};

  const SurrogatePosterior::Draws draws = SurrogatePosterior(surrogate, from, wide, runs).draws(1);

  EXPECT_EQ(draws.x.cols(), 0);
  const VectorXd weights = VectorXd::Constant(4, 0.25);
  const CorrectedMoments plain = corrected_moments(x, weights, weights, draws.x, draws.weights);
  EXPECT_LT(distance(plain.mean, x * weights), 1e-12);
  EXPECT_EQ(plain.share, 0.0);
}

TEST(CorrectedMoments, AreThoseOfABentPosteriorWithinTheirError) {
  for (const double wave : {0.0, 0.03}) {
    const auto [mean, covariance] = exact_moments(wave);
    const VectorXd std = covariance.diagonal().cwiseSqrt();
    double better = 0.0;
    double plain = 0.0;
    for (std::uint32_t block = 0; block < 20; ++block) {
      const Runs runs = bent_runs(100, wave, block);
      const CorrectedMoments found = corrected(runs);
      const double error = (found.mean - mean).cwiseQuotient(std).cwiseAbs().maxCoeff();
      EXPECT_LT(error, 4.0 * found.error) << wave << ", " << block;
      EXPECT_LT((found.covariance.diagonal().cwiseSqrt().cwiseQuotient(std).array() - 1.0)
                    .abs()
                    .maxCoeff(),
                4.0 * found.error)
          << wave << ", " << block;
      better += error / 20.0;
      plain += (runs.x() * weights_of(runs) - mean).cwiseQuotient(std).cwiseAbs().maxCoeff() / 20.0;
    }
    // The fits know of the posterior what 100 weighted runs cannot.
    EXPECT_LT(better, (wave == 0.0 ? 0.25 : 0.6) * plain) << wave;
  }
}

}  // namespace
}  // namespace invar::regression
