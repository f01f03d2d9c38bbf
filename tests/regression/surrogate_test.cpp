#include "invar/regression/surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "regression/quadrature.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Runs of functions of x, drawn from a Gaussian.
Runs runs_of(const QuadraticMap& map, const Gaussian& drawn_from, Index number,
             std::uint32_t block = 0) {
  Runs runs(map.dimension(), map.num_functions());
  const MatrixXd x = drawn_from.points(normals(map.dimension(), number, 40 + block));
  runs.add(drawn_from, static_cast<double>(number), x, map.values(x), {});
  return runs;
}

QuadraticMap linear_map(Index dimension, Index num_functions) {
  QuadraticMap map = some_map(dimension, num_functions);
  map.curvature.resize(0, 0);
  return map;
}

/// E[-|r|^2 / 2] under the base, of the fits.
double expected_log_likelihood(const Surrogate& surrogate) {
  return expected_half_square(surrogate.residuals).value +
         (surrogate.correction ? expected_value(*surrogate.correction).value : 0.0);
}

TEST(Surrogate, IsExactForALinearModel) {
  const QuadraticMap map = linear_map(3, 5);
  const Gaussian base = some_gaussian(3);
  for (const bool is_tilted : {false, true}) {
    const Surrogate found = fit_surrogate(runs_of(map, base, 8), base, {.is_tilted = is_tilted});

    EXPECT_TRUE(found.is_exact());
    EXPECT_FALSE(found.correction);
    EXPECT_EQ(found.elbo_error(), 0.0);
    EXPECT_EQ(found.num_runs(), 8);
    EXPECT_NEAR(found.effective_sample_size, 8.0, 1e-9);
    const MatrixXd z = normals(3, 4);
    EXPECT_LT(distance(found.residuals.values(z), map.values(base.points(z))), 1e-9);
  }
}

TEST(Surrogate, IsExactForAQuadraticModelSeenFromElsewhere) {
  const QuadraticMap map = some_map(2, 4);
  const Gaussian base = some_gaussian(2, 2);

  const Surrogate found = fit_surrogate(runs_of(map, Gaussian::standard(2), 40), base, {});

  EXPECT_TRUE(found.is_exact());
  const MatrixXd z = normals(2, 4);
  EXPECT_LT(distance(found.residuals.values(z), map.values(base.points(z))), 1e-7);
}

TEST(Surrogate, IsNotExactWithFewerRunsThanParameters) {
  const Gaussian base = Gaussian::standard(12);
  for (const Index n : {1, 2, 6, 12}) {
    const Surrogate found = fit_surrogate(runs_of(linear_map(12, 5), base, n), base, {});

    EXPECT_TRUE(found.residuals.slope.allFinite()) << n;
    if (n > 1) {
      EXPECT_GT(found.residual_error, 0.3) << n;
    }
  }
}

TEST(Surrogate, SaysHowUncertainItIsWhereWhatIsLeftGrowsOutwards) {
  // r = (x^3 - 3 x) / 10 + 2: what a quadratic leaves grows with x^3, and a run far out counts
  // most.
  const Gaussian base = Gaussian::standard(1);
  const Index n = 400;
  const int num_trials = 60;
  VectorXd slopes(num_trials);
  VectorXd curvatures(num_trials);
  double said_mean = 0.0;
  double said_std = 0.0;
  for (int trial = 0; trial < num_trials; ++trial) {
    const MatrixXd x = normals(1, n, 500 + static_cast<std::uint32_t>(trial));
    const MatrixXd r = 0.1 * (x.array().cube() - 3.0 * x.array()) + 2.0;
    Runs runs(1, 1);
    runs.add(base, static_cast<double>(n), x, r, {});
    const Surrogate found = fit_surrogate(runs, base, {});
    Expectation fitted = expected_half_square(found.residuals);
    fitted += expected_value(*found.correction);
    slopes[trial] = fitted.gradient[0];
    curvatures[trial] = 0.5 * fitted.hessian(0, 0);
    said_mean += found.mean_error / num_trials;
    said_std += found.std_error / num_trials;
  }
  // By Hermite polynomials: the gradient and the Hessian of E[-r^2 / 2].
  const auto spread = [](const VectorXd& values, double exact) {
    return std::sqrt((values.array() - exact).square().mean());
  };
  // 60 trials know a spread to 10 %; that of a run alone, without regard to where it is, is 2.6
  // times too small.
  EXPECT_NEAR(said_mean / spread(slopes, 0.0), 1.15, 0.4);
  EXPECT_NEAR(said_std / spread(curvatures, -0.18), 1.0, 0.5);
}

TEST(Surrogate, KeepsThePromisedSampleSizeWhenTilted) {
  for (const double strength : {0.1, 1.0, 10.0}) {
    QuadraticMap map = some_map(2, 6);
    map.offset *= strength;
    map.slope *= strength;
    map.curvature *= strength;
    const Gaussian base = some_gaussian(2);
    const Runs runs = runs_of(map, base, 60);

    const Surrogate found = fit_surrogate(runs, base, {.is_tilted = true});

    const double size = effective_sample_size(VectorXd(runs.log_weights(base)) +
                                              found.tilt * runs.log_likelihoods());
    EXPECT_NEAR(found.effective_sample_size, 60.0, 1e-9);
    EXPECT_GT(found.tilt, 0.0);
    EXPECT_LE(found.tilt, 1.0);
    EXPECT_GE(size, 30.0 - 1e-9);
    if (found.tilt < 1.0) {
      EXPECT_LT(size, 30.5);
    }
    EXPECT_EQ(fit_surrogate(runs, base, {}).tilt, 0.0);
  }
}

TEST(Surrogate, FlattensWeightsFarFromTheRuns) {
  const Gaussian base{.mean = VectorXd::Constant(3, 6.0), .lower = 0.1 * MatrixXd::Identity(3, 3)};
  const QuadraticMap map = linear_map(3, 5);

  const Surrogate found =
      fit_surrogate(runs_of(map, Gaussian::standard(3), 30), base, {.is_tilted = true});

  EXPECT_LT(found.effective_sample_size, 3.0);
  EXPECT_EQ(found.tilt, 0.0);
  EXPECT_GE(found.num_runs(), 6);
  EXPECT_LT(distance(found.residuals.slope, base.lower.transpose() * map.slope), 1e-7);
}

TEST(Surrogate, HasTheExpectedMisfitUnderTheBase) {
  const QuadraticMap map = some_map(2, 5);
  const Gaussian base = some_gaussian(2, 1);

  const Surrogate found = fit_surrogate(runs_of(map, some_gaussian(2, 2), 50), base, {});

  // The map is known: its expectation is a closed form.
  EXPECT_NEAR(found.mean_misfit, -2.0 * expected_half_square(map.seen_from(base)).value,
              1e-4 * found.mean_misfit);
}

/// A nonlinear model of one parameter.
MatrixXd nonlinear(const MatrixXd& x) {
  MatrixXd r(3, x.cols());
  r.row(0) = 2.0 * (1.5 * x.row(0)).array().sin() - 0.5;
  r.row(1) = (0.7 * x.row(0)).array().exp() - 1.2;
  r.row(2) = 1.0 / (1.0 + x.row(0).array().square());
  return r;
}

TEST(Surrogate, HasTheExpectedLogLikelihoodWithinItsStandardError) {
  const Gaussian base{.mean = VectorXd::Constant(1, 0.3), .lower = MatrixXd::Constant(1, 1, 0.8)};
  const Gaussian wider{.mean = VectorXd::Constant(1, 0.0), .lower = MatrixXd::Constant(1, 1, 1.0)};
  const Rule rule = gauss_hermite(1, 60);
  const double expected =
      -0.5 * rule.weights.dot(nonlinear(base.points(rule.nodes)).colwise().squaredNorm());
  double sum_of_squares = 0.0;
  constexpr int repetitions = 40;

  for (std::uint32_t block = 0; block < repetitions; ++block) {
    Runs runs(1, 3);
    for (const auto& [g, more] : {std::pair(wider, 0U), std::pair(base, 1000U)}) {
      const MatrixXd x = g.points(normals(1, 40, 2000 + block + more));
      runs.add(g, 40.0, x, nonlinear(x), {});
    }
    const Surrogate found = fit_surrogate(runs, base, {});

    EXPECT_FALSE(found.is_exact());
    const double error = (expected_log_likelihood(found) - expected) / found.elbo_error();
    EXPECT_LT(std::abs(error), 4.0) << block;
    sum_of_squares += error * error;
  }

  // The mean square of 40 standard normals is 1, with a standard deviation of 0.22.
  EXPECT_GT(sum_of_squares / repetitions, 0.3);
  EXPECT_LT(sum_of_squares / repetitions, 2.0);
}

TEST(Surrogate, FitsASampleThatStandsForAllOfManyRuns) {
  // Runs under the base and many in its tails: the heaviest alone would be those of the tails.
  const Gaussian base{.mean = VectorXd::Constant(1, 0.3), .lower = MatrixXd::Constant(1, 1, 0.8)};
  const Gaussian narrow{.mean = VectorXd::Constant(1, 0.3), .lower = MatrixXd::Constant(1, 1, 0.4)};
  const Rule rule = gauss_hermite(1, 60);
  const double expected =
      -0.5 * rule.weights.dot(nonlinear(base.points(rule.nodes)).colwise().squaredNorm());
  for (const Index num_narrow : {200, 5000}) {
    Runs runs(1, 3);
    for (const auto& [g, n] : {std::pair(base, Index{1200}), std::pair(narrow, num_narrow)}) {
      const MatrixXd x = g.points(normals(1, n, 80));
      runs.add(g, static_cast<double>(n), x, nonlinear(x), {});
    }

    const Surrogate found = fit_surrogate(runs, base, {});

    EXPECT_NEAR(static_cast<double>(found.num_runs()),
                std::min(static_cast<double>(runs.size()), 3000.0), 1.0);
    EXPECT_NEAR(expected_log_likelihood(found), expected, 4.0 * found.elbo_error()) << num_narrow;
    EXPECT_LT(found.elbo_error(), 0.05);
  }
}

TEST(Surrogate, IsNotFooledByAFitThatExplainsItsOwnRunsByChance) {
  // 40 runs of 30 functions with 91 coefficients each.
  const Index d = 12;
  const QuadraticMap map = some_map(d, 30);
  const Gaussian base = Gaussian::standard(d);
  const Expectation exact = expected_half_square(map);
  double error = 0.0;
  double trace = 0.0;
  double said = 0.0;
  constexpr int repetitions = 20;

  for (std::uint32_t block = 0; block < repetitions; ++block) {
    const Surrogate found = fit_surrogate(runs_of(map, base, 40, 3000 + block), base, {});

    Expectation fitted = expected_half_square(found.residuals);
    fitted += expected_value(*found.correction);
    error += (fitted.value - exact.value) / repetitions;
    trace += fitted.hessian.trace() / repetitions;
    said += found.elbo_error() / repetitions;
  }

  // With the runs' own residuals the mean would be 0.4 of itself too large, and half of the
  // curvature would be missed.
  EXPECT_LT(std::abs(error), 2.0 * said);
  EXPECT_LT(said, 0.05 * std::abs(exact.value));
  EXPECT_NEAR(trace / exact.hessian.trace(), 1.0, 0.15);
}

TEST(Surrogate, KnowsMoreFromMoreRuns) {
  const Gaussian base{.mean = VectorXd::Constant(1, 0.3), .lower = MatrixXd::Constant(1, 1, 0.8)};
  const auto fitted = [&](Index n) {
    Runs runs(1, 3);
    const MatrixXd x = base.points(normals(1, n, 50));
    runs.add(base, static_cast<double>(n), x, nonlinear(x), {});
    return fit_surrogate(runs, base, {});
  };

  const Surrogate few = fitted(40);
  const Surrogate many = fitted(640);

  // Sixteen times the runs leave a quarter of the errors.
  EXPECT_NEAR(many.elbo_error() / few.elbo_error(), 0.25, 0.12);
  EXPECT_NEAR(many.mean_error / few.mean_error, 0.25, 0.12);
  EXPECT_NEAR(many.std_error / few.std_error, 0.25, 0.12);
}

TEST(Surrogate, TakesOnlyRunsWithJacobiansWhereTheyAreUsed) {
  const QuadraticMap map = some_map(3, 4);
  const Gaussian base = some_gaussian(3);
  Runs runs(3, 4);
  const MatrixXd wrong = base.points(normals(3, 10, 60));
  runs.add(base, 10.0, wrong, MatrixXd::Constant(4, 10, 1e3), {});
  const MatrixXd x = base.points(normals(3, 6, 61));
  std::vector<MatrixXd> jacobians;
  for (Index i = 0; i < 6; ++i) {
    jacobians.emplace_back(map.gradients(x.col(i)).transpose());
  }
  runs.add(base, 6.0, x, map.values(x), jacobians);

  const Surrogate found = fit_surrogate(runs, base, {.uses_jacobians = true});

  EXPECT_EQ(found.num_runs(), 6);
  EXPECT_TRUE(found.is_exact());
  const MatrixXd z = normals(3, 4);
  EXPECT_LT(distance(found.residuals.values(z), map.values(base.points(z))), 1e-8);
}

TEST(Surrogate, CorrectsTheLogLikelihoodWithJacobians) {
  const Gaussian base{.mean = VectorXd::Constant(1, 0.3), .lower = MatrixXd::Constant(1, 1, 0.5)};
  Runs runs(1, 3);
  const MatrixXd x = base.points(normals(1, 30, 62));
  std::vector<MatrixXd> jacobians;
  for (Index i = 0; i < 30; ++i) {
    const MatrixXd at = x.col(i);
    jacobians.emplace_back((nonlinear(at.array() + 1e-5) - nonlinear(at.array() - 1e-5)) / 2e-5);
  }
  runs.add(base, 30.0, x, nonlinear(x), jacobians);
  const Rule rule = gauss_hermite(1, 60);
  const double expected =
      -0.5 * rule.weights.dot(nonlinear(base.points(rule.nodes)).colwise().squaredNorm());

  const Surrogate found = fit_surrogate(runs, base, {.uses_jacobians = true});

  ASSERT_TRUE(found.correction);
  EXPECT_NEAR(expected_log_likelihood(found), expected, 4.0 * found.elbo_error());
  EXPECT_LT(found.elbo_error(), 0.1);
  EXPECT_GT(found.mean_error, 0.0);
  EXPECT_GT(found.std_error, 0.0);
}

/// Sines of 8 directions, with their Jacobians.
void add_sines(Runs& runs, const Gaussian& drawn_from, Index number, std::uint32_t block) {
  const Index d = drawn_from.dimension();
  const MatrixXd directions = 0.15 * normals(d, 8, 70);
  const MatrixXd x = drawn_from.points(normals(d, number, block));
  const MatrixXd angles = (directions.transpose() * x).array() + 0.5;
  std::vector<MatrixXd> jacobians;
  for (Index i = 0; i < number; ++i) {
    jacobians.emplace_back(VectorXd(angles.col(i).array().cos()).asDiagonal() *
                           directions.transpose());
  }
  runs.add(drawn_from, static_cast<double>(number), x, angles.array().sin(), jacobians);
}

TEST(Surrogate, TakesFlatterWeightsOnlyWhereTheyMakeTheFitBetter) {
  // 40 runs under the base, more from wider Gaussians that hardly count there: of quadratics with
  // 231 coefficients these tell all, of sines nothing.
  const Index d = 20;
  const Gaussian base = Gaussian::standard(d);
  const QuadraticMap map = some_map(d, 6);
  const auto error_with = [&](bool is_quadratic, double width, Index more) {
    Runs runs(d, is_quadratic ? map.num_functions() : 8);
    const auto add = [&](Runs& to, const Gaussian& g, Index number, std::uint32_t block) {
      if (is_quadratic) {
        const MatrixXd x = g.points(normals(d, number, block));
        to.add(g, static_cast<double>(number), x, map.values(x), {});
      } else {
        add_sines(to, g, number, block);
      }
    };
    add(runs, base, 40, 81);
    if (more > 0) {
      add(runs, {.mean = base.mean, .lower = width * base.lower}, more, 82);
    }
    const Surrogate found = fit_surrogate(runs, base, {});
    Runs others(d, runs.residuals().rows());
    add(others, base, 500, 83);
    return (others.residuals() - found.residuals.values(others.x())).norm() /
           others.residuals().norm();
  };

  EXPECT_GT(error_with(true, 0.0, 0), 0.4);
  EXPECT_LT(error_with(true, 2.0, 400), 1e-3);
  const double alone = error_with(false, 0.0, 0);
  EXPECT_LT(error_with(false, 4.0, 400), 1.05 * alone);
}

TEST(Surrogate, KeepsTheMeanUnderTheBaseWithFlatterWeights) {
  // Sines, whose fit by runs from a wider Gaussian is off by more than the standard error.
  const Index d = 6;
  const Gaussian base = Gaussian::standard(d);
  Runs runs(d, 8);
  add_sines(runs, base, 60, 91);
  add_sines(runs, {.mean = base.mean, .lower = 1.4 * base.lower}, 400, 92);
  Runs others(d, 8);
  add_sines(others, base, 20000, 93);

  const Surrogate found = fit_surrogate(runs, base, {});

  EXPECT_NEAR(expected_log_likelihood(found), others.log_likelihoods().mean(),
              3.0 * found.elbo_error());
}

TEST(Surrogate, TakesFlatterWeightsWithJacobiansOnlyWhereTheyMakeTheFitBetter) {
  // 30 runs know 30 curvatures badly; 200 that are a little beside help, 200 farther away do not.
  const Index d = 30;
  const Gaussian base = Gaussian::standard(d);
  const auto error_with = [&](double shift, Index more) {
    Runs runs(d, 8);
    add_sines(runs, base, 30, 71);
    if (more > 0) {
      add_sines(runs, {.mean = VectorXd::Constant(d, shift), .lower = base.lower}, more, 72);
    }
    const Surrogate found = fit_surrogate(runs, base, {.uses_jacobians = true});
    Runs others(d, 8);
    add_sines(others, base, 500, 73);
    return (others.residuals() - found.residuals.values(others.x())).norm() /
           others.residuals().norm();
  };
  const double alone = error_with(0.0, 0);

  // Weights as they are make it 0.37 and 0.58 at the shifts 0.7 and 1.
  EXPECT_NEAR(alone, 0.32, 0.01);
  EXPECT_LT(error_with(0.4, 200), 0.29);
  EXPECT_LT(error_with(0.7, 200), 0.32);
  EXPECT_LT(error_with(1.0, 200), 0.36);
  EXPECT_LT(error_with(2.0, 200), 0.33);
}

}  // namespace
}  // namespace invar::regression
