#include "invar/regression/polynomial_fit.hpp"

#include <cmath>

#include "regression/quadrature.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

QuadraticMap linear_part(QuadraticMap map) {
  map.curvature.resize(0, 0);
  return map;
}

VectorXd some_weights(Index number) {
  return normals(number, 1, 7).array().exp();
}

Samples samples_of(const QuadraticMap& map, Index number) {
  const MatrixXd z = normals(map.dimension(), number, 3);
  return {.z = z, .weights = some_weights(number), .values = map.values(z)};
}

Samples with_jacobians(Samples samples, const QuadraticMap& map) {
  for (Index i = 0; i < samples.z.cols(); ++i) {
    samples.jacobians.emplace_back(map.gradients(samples.z.col(i)).transpose());
  }
  return samples;
}

Samples without(const Samples& samples, Index left_out) {
  std::vector<Index> kept;
  for (Index i = 0; i < samples.z.cols(); ++i) {
    if (i != left_out) {
      kept.push_back(i);
    }
  }
  Samples rest{.z = samples.z(Eigen::all, kept),
               .weights = samples.weights(kept),
               .values = samples.values(Eigen::all, kept)};
  return rest;
}

/// What really leaving each sample out in turn gives.
MatrixXd really_left_out(const Samples& samples, Degree degree) {
  MatrixXd left_out(samples.values.rows(), samples.z.cols());
  for (Index i = 0; i < samples.z.cols(); ++i) {
    left_out.col(i) = samples.values.col(i) -
                      fit_polynomial(without(samples, i), degree).map.values(samples.z.col(i));
  }
  return left_out;
}

double rms(const MatrixXd& errors) {
  return std::sqrt(errors.cwiseAbs2().mean());
}

/// The largest difference of the values at other points.
double error_of(const QuadraticMap& found, const QuadraticMap& expected) {
  const MatrixXd z = normals(expected.dimension(), 20, 4);
  return distance(found.values(z), expected.values(z));
}

bool all_finite(const Fit& fit) {
  return fit.map.offset.allFinite() && fit.map.slope.allFinite() && fit.map.curvature.allFinite() &&
         fit.residuals.allFinite() && fit.left_out.allFinite() &&
         std::isfinite(fit.residual_variance) && !std::isnan(fit.slope_variance) &&
         std::isfinite(fit.curvature_variance);
}

TEST(PolynomialFit, RecoversALinearMap) {
  const QuadraticMap map = linear_part(some_map(3, 4));

  for (const Degree degree : {Degree::linear, Degree::quadratic}) {
    const Fit fit = fit_polynomial(samples_of(map, 6), degree);

    EXPECT_TRUE(fit.map.is_linear());
    EXPECT_LT(error_of(fit.map, map), 1e-9);
    EXPECT_LT(fit.residuals.cwiseAbs().maxCoeff(), 1e-9);
    EXPECT_LT(fit.left_out.cwiseAbs().maxCoeff(), 1e-8);
    EXPECT_LT(fit.residual_variance, 1e-20);
  }
}

TEST(PolynomialFit, RecoversAQuadraticMap) {
  const QuadraticMap map = some_map(3, 4);

  const Fit fit = fit_polynomial(samples_of(map, 15), Degree::quadratic);

  ASSERT_FALSE(fit.map.is_linear());
  EXPECT_LT(error_of(fit.map, map), 1e-9);
  EXPECT_LT(fit.left_out.cwiseAbs().maxCoeff(), 1e-8);
  for (Index k = 0; k < 4; ++k) {
    EXPECT_LT(distance(fit.map.curvature_of(k), fit.map.curvature_of(k).transpose()), 1e-12);
  }
}

TEST(PolynomialFit, RecoversAQuadraticMapFromManySamples) {
  const QuadraticMap map = some_map(2, 2);

  const Fit fit = fit_polynomial(samples_of(map, 300), Degree::quadratic);

  EXPECT_LT(error_of(fit.map, map), 1e-9);
}

TEST(PolynomialFit, StaysLinearWhereItMay) {
  const Fit fit = fit_polynomial(samples_of(some_map(3, 2), 30), Degree::linear);

  EXPECT_TRUE(fit.map.is_linear());
  EXPECT_GT(fit.residual_variance, 0.01);
}

TEST(PolynomialFit, FindsAlmostNoCurvatureInNoise) {
  const QuadraticMap map = linear_part(some_map(3, 4));
  Samples samples = samples_of(map, 60);
  samples.weights.setOnes();
  samples.values += 0.1 * normals(4, 60, 5);

  const Fit fit = fit_polynomial(samples, Degree::quadratic);

  // Least squares would find a curvature of 1.15 * 0.1 / sqrt(60), off the diagonal and on it.
  if (!fit.map.is_linear()) {
    EXPECT_LT(rms(fit.map.curvature), 0.6 * 1.15 * 0.1 / std::sqrt(60.0));
  }
  EXPECT_LT(error_of(fit.map, map), 0.15);
  // 224 degrees of freedom: 4 standard errors are 0.38.
  EXPECT_NEAR(fit.residual_variance / 0.01, 1.0, 0.4);
}

TEST(PolynomialFit, FindsCurvatureThatStandsOutOfNoise) {
  const QuadraticMap map = some_map(3, 4);
  Samples samples = samples_of(map, 60);
  samples.weights.setOnes();
  samples.values += 0.1 * normals(4, 60, 5);

  const Fit fit = fit_polynomial(samples, Degree::quadratic);

  ASSERT_FALSE(fit.map.is_linear());
  EXPECT_LT(rms(fit.map.curvature - map.curvature), 4.0 * 0.1 / std::sqrt(60.0));
  EXPECT_NEAR(fit.residual_variance / 0.01, 1.0, 0.4);
}

TEST(PolynomialFit, HasAVarianceAtWeightOne) {
  const QuadraticMap map = linear_part(some_map(2, 20));
  Samples samples = samples_of(map, 40);
  // The noise of a sample has the variance 0.01 / weight, the weights' mean being 1.
  samples.weights /= samples.weights.mean();
  samples.values +=
      0.1 * normals(20, 40, 5) * samples.weights.cwiseSqrt().cwiseInverse().asDiagonal();
  const Fit fit = fit_polynomial(samples, Degree::linear);

  // 740 degrees of freedom: 4 standard errors are 0.21.
  EXPECT_NEAR(fit.residual_variance / 0.01, 1.0, 0.21);
  samples.weights *= 1e3;
  const Fit scaled = fit_polynomial(samples, Degree::linear);
  EXPECT_NEAR(scaled.residual_variance, fit.residual_variance, 1e-10);
  EXPECT_LT(error_of(scaled.map, fit.map), 1e-10);
}

TEST(PolynomialFit, WeighsSamplesAsOftenAsTheirWeightsSay) {
  const QuadraticMap map = some_map(2, 2);
  Samples once = samples_of(map, 12);
  once.values += 0.1 * normals(2, 12, 6);
  once.weights = VectorXd::Ones(12);
  once.weights.tail(6).setConstant(2.0);
  Samples twice{.z = MatrixXd(2, 18), .weights = VectorXd::Ones(18), .values = MatrixXd(2, 18)};
  twice.z << once.z, once.z.rightCols(6);
  twice.values << once.values, once.values.rightCols(6);

  // With a ridge that is next to nothing both are the same least squares.
  const Fit a = fit_polynomial(once, Degree::linear);
  const Fit b = fit_polynomial(twice, Degree::linear);

  EXPECT_LT(error_of(a.map, b.map), 0.1 * error_of(a.map, map));
}

TEST(PolynomialFit, ShrinksWithFewerSamplesThanCoefficients) {
  for (const Index n : {3, 5, 8}) {
    for (const Index m : {1, 3}) {
      const QuadraticMap map = some_map(6, m);

      const Fit fit = fit_polynomial(samples_of(map, n), Degree::quadratic);

      EXPECT_TRUE(all_finite(fit)) << n;
      EXPECT_LT(fit.map.slope.norm(), 2.0 * std::hypot(map.slope.norm(), map.curvature.norm()))
          << n;
      if (!fit.map.is_linear()) {
        EXPECT_LT(fit.map.curvature.norm(), map.curvature.norm()) << n;
      }
    }
  }
}

TEST(PolynomialFit, HasTheValueOfASingleSample) {
  Samples samples = samples_of(some_map(3, 2), 1);

  const Fit fit = fit_polynomial(samples, Degree::quadratic);

  EXPECT_TRUE(all_finite(fit));
  EXPECT_LT(distance(fit.map.values(normals(3, 1)), samples.values), 1e-14);
}

TEST(PolynomialFit, TakesTwoSamples) {
  for (const Degree degree : {Degree::linear, Degree::quadratic}) {
    const Samples samples = samples_of(some_map(3, 2), 2);

    const Fit fit = fit_polynomial(samples, degree);

    EXPECT_TRUE(all_finite(fit));
    EXPECT_LT((fit.residuals * samples.weights).norm(), 1e-12);
  }
}

TEST(PolynomialFit, LeavesSamplesOutAsIfFittedWithoutThem) {
  const QuadraticMap map = linear_part(some_map(3, 6));
  Samples samples = samples_of(map, 25);
  samples.values += 0.3 * normals(6, 25, 5);

  // The variances are chosen again without the sample, which matters little.
  const MatrixXd linear = really_left_out(samples, Degree::linear);
  EXPECT_LT(rms(fit_polynomial(samples, Degree::linear).left_out - linear), 0.02 * rms(linear));

  samples.values += some_map(3, 6, 1).values(samples.z);
  const MatrixXd quadratic = really_left_out(samples, Degree::quadratic);
  EXPECT_LT(rms(fit_polynomial(samples, Degree::quadratic).left_out - quadratic),
            0.1 * rms(quadratic));
}

/// Fewer samples than coefficients, and no noise: that every sample is met says nothing.
TEST(PolynomialFit, IsHonestAboutWhatItInterpolates) {
  for (const Index d : {8, 20}) {
    for (const Index n : {6, 9, 10, 14, 18, 24}) {
      for (const Degree degree : {Degree::linear, Degree::quadratic}) {
        for (const QuadraticMap& map : {some_map(d, 5), linear_part(some_map(d, 5))}) {
          if (map.is_linear() && n >= d + 2) {
            continue;
          }
          const Samples samples = samples_of(map, n);

          const Fit fit = fit_polynomial(samples, degree);

          const double expected = rms(really_left_out(samples, degree));
          EXPECT_GT(rms(fit.left_out), 0.5 * expected);
          EXPECT_LT(rms(fit.left_out), 2.0 * expected);
        }
      }
    }
  }
}

TEST(PolynomialFit, RecoversAQuadraticMapFromFewJacobians) {
  const QuadraticMap map = some_map(4, 3);

  const Fit fit = fit_polynomial(with_jacobians(samples_of(map, 5), map), Degree::quadratic);

  EXPECT_LT(error_of(fit.map, map), 1e-9);
  EXPECT_LT(fit.residuals.cwiseAbs().maxCoeff(), 1e-9);
}

TEST(PolynomialFit, TakesAMetricWhereCurvaturesAreAlikeInIt) {
  // 100 samples of functions with 105 coefficients each, whose curvatures fall from direction to
  // direction; and of such whose curvatures do not.
  const Index d = 13;
  const VectorXd scales = VectorXd::LinSpaced(d, 0.0, -2.0).array().exp();
  for (const bool is_scaled : {true, false}) {
    QuadraticMap map = some_map(d, 20);
    for (Index k = 0; is_scaled && k < map.num_functions(); ++k) {
      auto block = map.curvature.middleCols(k * d, d);
      block = (scales.asDiagonal() * block * scales.asDiagonal()).eval();
    }
    const MatrixXd signal = map.values(normals(d, 200, 9));
    const auto error_with = [&](const MatrixXd& metric) {
      Samples samples = samples_of(map, 100);
      samples.metric = metric;
      const QuadraticMap found = fit_polynomial(samples, Degree::quadratic).map;
      return rms(found.values(normals(d, 200, 9)) - signal) / rms(signal);
    };
    const double plain = error_with({});
    const double in_metric = error_with(scales.asDiagonal());

    if (is_scaled) {
      EXPECT_LT(in_metric, 0.5 * plain);
    } else {
      EXPECT_EQ(in_metric, plain);
    }
  }
}

TEST(PolynomialFit, GivesCurvaturesInZWhateverTheMetric) {
  // Enough samples for an exact fit: fewer and more than make a basis worth its while, and so many
  // that variances are searched for among some of them.
  MatrixXd turn(4, 4);
  turn << 2.0, 0.5, 0.0, 0.1, 0.5, 1.0, 0.2, 0.0, 0.0, 0.2, 0.4, 0.1, 0.1, 0.0, 0.1, 0.2;
  const QuadraticMap map = some_map(4, 3);
  for (const Index n : {20, 25, 60, 700}) {
    Samples samples = samples_of(map, n);
    samples.metric = turn;
    EXPECT_LT(error_of(fit_polynomial(samples, Degree::quadratic).map, map), 1e-3) << n;
  }
}

TEST(PolynomialFit, RecoversALinearMapFromOneJacobian) {
  const QuadraticMap map = linear_part(some_map(4, 3));

  for (const Index n : {1, 3}) {
    const Fit fit = fit_polynomial(with_jacobians(samples_of(map, n), map), Degree::quadratic);

    EXPECT_TRUE(fit.map.is_linear()) << n;
    EXPECT_LT(error_of(fit.map, map), 1e-12) << n;
  }
}

TEST(PolynomialFit, KeepsTheMeanOfFewJacobians) {
  const QuadraticMap map = some_map(6, 3);
  const Samples samples = with_jacobians(samples_of(map, 4), map);

  for (const Degree degree : {Degree::linear, Degree::quadratic}) {
    const Fit fit = fit_polynomial(samples, degree);

    MatrixXd mean = MatrixXd::Zero(6, 3);
    MatrixXd fitted = mean;
    for (Index i = 0; i < 4; ++i) {
      const double share = samples.weights[i] / samples.weights.sum();
      mean += share * samples.jacobians[static_cast<std::size_t>(i)].transpose();
      fitted += share * fit.map.gradients(samples.z.col(i));
    }
    EXPECT_TRUE(all_finite(fit));
    EXPECT_LT(distance(fitted, mean), 1e-10);
  }
}

TEST(PolynomialFit, KnowsTheGradientsBetweenFewJacobians) {
  const QuadraticMap map = some_map(7, 3);
  const Samples samples = with_jacobians(samples_of(map, 5), map);

  const Fit fit = fit_polynomial(samples, Degree::quadratic);

  // Along the directions in which the samples differ the curvature is known in all of its rows.
  const VectorXd between = samples.z * Eigen::Vector<double, 5>(0.7, -0.5, 1.1, -0.8, 0.5);
  EXPECT_LT(distance(fit.map.gradients(between), map.gradients(between)), 1e-9);
  for (Index k = 0; k < 3; ++k) {
    EXPECT_LT(distance(fit.map.curvature_of(k), fit.map.curvature_of(k).transpose()), 1e-14);
    EXPECT_LT(fit.map.curvature_of(k).norm(), map.curvature_of(k).norm());
  }
}

TEST(PolynomialFit, FindsAlmostNoCurvatureInNoisyJacobians) {
  const QuadraticMap map = linear_part(some_map(5, 4));
  Samples samples = with_jacobians(samples_of(map, 30), map);
  samples.weights.setOnes();
  for (std::size_t i = 0; i < 30; ++i) {
    samples.jacobians[i] += 0.1 * normals(4, 5, 300 + static_cast<std::uint32_t>(i));
  }

  const Fit fit = fit_polynomial(samples, Degree::quadratic);

  EXPECT_LT(rms(fit.map.curvature), 0.5 * 0.1 / std::sqrt(30.0));
  EXPECT_LT(rms(fit.map.slope - map.slope), 2.0 * 0.1 / std::sqrt(30.0));
}

TEST(PolynomialFit, StaysFiniteForConstants) {
  Samples samples = samples_of(some_map(3, 2), 12);
  for (const double constant : {0.0, 1.0, 3.7e100, -1e-200}) {
    samples.values.setConstant(constant);
    for (const Degree degree : {Degree::linear, Degree::quadratic}) {
      const Fit fit = fit_polynomial(samples, degree);

      EXPECT_TRUE(all_finite(fit)) << constant;
      EXPECT_LT(distance(fit.map.values(normals(3, 5)), MatrixXd::Constant(2, 5, constant)),
                1e-9 * std::abs(constant) + 1e-300);
    }
  }
  samples.values.setConstant(2.0);
  samples.jacobians.assign(12, MatrixXd::Zero(2, 3));
  const Fit fit = fit_polynomial(samples, Degree::quadratic);
  EXPECT_TRUE(all_finite(fit));
  EXPECT_LT(distance(fit.map.values(normals(3, 5)), MatrixXd::Constant(2, 5, 2.0)), 1e-14);
}

TEST(PolynomialFit, StaysFiniteForDuplicates) {
  const QuadraticMap map = some_map(3, 2);
  Samples samples = samples_of(map, 12);
  const auto make_duplicates = [&](Index first) {
    for (Index i = first; i < 12; ++i) {
      samples.z.col(i) = samples.z.col(i % first);
      samples.values.col(i) = samples.values.col(i % first);
    }
  };

  for (const Index distinct : {6, 2, 1}) {
    make_duplicates(distinct);
    const Fit fit = fit_polynomial(samples, Degree::quadratic);

    EXPECT_TRUE(all_finite(fit)) << distinct;
    EXPECT_LT((fit.residuals * samples.weights).norm(), 1e-9) << distinct;
    EXPECT_TRUE(all_finite(fit_polynomial(with_jacobians(samples, map), Degree::quadratic)))
        << distinct;
  }
}

TEST(PolynomialFit, StaysFiniteAtHugeAndTinyScales) {
  const QuadraticMap map = some_map(3, 2);
  for (const double scale : {1e-150, 1e-80, 1e80, 1e150}) {
    Samples values = samples_of(map, 15);
    values.values *= scale;
    const Fit fit = fit_polynomial(values, Degree::quadratic);
    EXPECT_TRUE(all_finite(fit)) << scale;

    Samples points = samples_of(map, 15);
    points.z *= std::sqrt(scale);
    EXPECT_TRUE(all_finite(fit_polynomial(points, Degree::quadratic))) << scale;

    Samples weights = samples_of(map, 15);
    weights.weights.head(7) *= scale;
    EXPECT_TRUE(all_finite(fit_polynomial(weights, Degree::quadratic))) << scale;
    EXPECT_TRUE(all_finite(fit_polynomial(with_jacobians(weights, map), Degree::quadratic)))
        << scale;
  }
}

TEST(PolynomialFit, DoesNotDependOnTheUnitOfTheValues) {
  const QuadraticMap map = some_map(3, 2);
  Samples samples = samples_of(map, 25);
  samples.values += 0.1 * normals(2, 25, 5);
  const Fit fit = fit_polynomial(samples, Degree::quadratic);

  for (const double scale : {1e-60, 1e60}) {
    Samples scaled = samples;
    scaled.values *= scale;
    const Fit found = fit_polynomial(scaled, Degree::quadratic);

    EXPECT_LT(distance(found.map.slope / scale, fit.map.slope), 1e-9) << scale;
    EXPECT_LT(distance(found.left_out / scale, fit.left_out), 1e-9) << scale;
  }
}

}  // namespace
}  // namespace invar::regression
