#include "invar/regression/quadratic_map.hpp"

#include "regression/quadrature.hpp"

namespace invar::regression {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

QuadraticMap linear_part(QuadraticMap map) {
  map.curvature.resize(0, 0);
  return map;
}

void expect_near(const Expectation& found, const Expectation& expected, double tolerance) {
  EXPECT_NEAR(found.value, expected.value, tolerance);
  EXPECT_LT(distance(found.gradient, expected.gradient), tolerance);
  EXPECT_LT(distance(found.hessian, expected.hessian), tolerance);
}

TEST(QuadraticMap, HasTheValuesOfItsDefinition) {
  const QuadraticMap map = some_map(3, 2);
  const MatrixXd z = normals(3, 5);

  const MatrixXd values = map.values(z);

  for (Eigen::Index i = 0; i < 5; ++i) {
    for (Eigen::Index k = 0; k < 2; ++k) {
      const MatrixXd c = map.curvature.middleCols(3 * k, 3);
      const VectorXd at = z.col(i);
      EXPECT_NEAR(values(k, i),
                  map.offset[k] + map.slope.col(k).dot(at) + 0.5 * (at.dot(c * at) - c.trace()),
                  1e-13);
    }
  }
}

TEST(QuadraticMap, HasGradientsThatAreDifferencesOfItsValues) {
  const QuadraticMap map = some_map(3, 4);
  const VectorXd z = normals(3, 1, 1);

  const MatrixXd gradients = map.gradients(z);

  for (Eigen::Index k = 0; k < 4; ++k) {
    const Expectation expected =
        differences(3, 1e-3, [&](const VectorXd& shift) { return map.values(z + shift)(k, 0); });
    EXPECT_LT(distance(gradients.col(k), expected.gradient), 1e-10);
    EXPECT_LT(distance(map.curvature_of(k), expected.hessian), 1e-8);
  }
}

TEST(QuadraticMap, HasItsOffsetsForMeans) {
  const QuadraticMap map = some_map(2, 3);
  const Rule rule = gauss_hermite(2, 3);

  EXPECT_LT(distance(map.values(rule.nodes) * rule.weights, map.offset), 1e-13);
}

TEST(QuadraticMap, IsTheSameFunctionSeenFromElsewhere) {
  const MatrixXd z = normals(3, 6, 2);
  const Gaussian at = some_gaussian(3);

  for (const QuadraticMap& map : {some_map(3, 4), linear_part(some_map(3, 4))}) {
    const QuadraticMap seen = map.seen_from(at);

    EXPECT_EQ(seen.is_linear(), map.is_linear());
    EXPECT_LT(distance(seen.values(z), map.values(at.points(z))), 1e-12);
  }
}

TEST(ExpectedHalfSquare, IsThatOfQuadrature) {
  for (const Eigen::Index d : {1, 2}) {
    const Rule rule = gauss_hermite(d, 6);
    for (const QuadraticMap& map : {some_map(d, 3), linear_part(some_map(d, 3))}) {
      // f is of degree 2, f^2 of 4: exact.
      const MatrixXd f = map.values(rule.nodes);
      Expectation expected{.value = -0.5 * rule.weights.dot(f.colwise().squaredNorm()),
                           .gradient = VectorXd::Zero(d),
                           .hessian = MatrixXd::Zero(d, d)};
      for (Eigen::Index i = 0; i < rule.weights.size(); ++i) {
        const MatrixXd gradients = map.gradients(rule.nodes.col(i));
        expected.gradient -= rule.weights[i] * gradients * f.col(i);
        expected.hessian -= rule.weights[i] * gradients * gradients.transpose();
        for (Eigen::Index k = 0; k < 3 && !map.is_linear(); ++k) {
          expected.hessian -= rule.weights[i] * f(k, i) * map.curvature_of(k);
        }
      }

      expect_near(expected_half_square(map), expected, 1e-12);
    }
  }
}

TEST(ExpectedHalfSquare, HasDerivativesWithRespectToShiftsOfTheGaussian) {
  const QuadraticMap map = some_map(4, 5);
  const Gaussian at = some_gaussian(4);

  const Expectation found = expected_half_square(map.seen_from(at));

  // Second differences of a polynomial of degree 4: an error of the order of the width squared.
  const Expectation expected = differences(4, 1e-3, [&](const VectorXd& shift) {
    return expected_half_square(map.seen_from(shifted(at, shift))).value;
  });
  expect_near(found, expected, 1e-4);
}

TEST(ExpectedValue, IsThatOfQuadratureWithItsDerivatives) {
  const Rule rule = gauss_hermite(2, 3);
  const Gaussian at = some_gaussian(2);

  for (const QuadraticMap& map : {some_map(2, 1), linear_part(some_map(2, 1))}) {
    const Expectation found = expected_value(map.seen_from(at));

    const auto mean = [&](const VectorXd& shift) -> double {
      return map.values(shifted(at, shift).points(rule.nodes)).row(0).dot(rule.weights);
    };
    expect_near(found, differences(2, 1e-2, mean), 1e-10);
  }
}

TEST(Expectation, AddsUp) {
  Expectation sum = expected_value(some_map(2, 1, 1));
  const Expectation more = expected_value(some_map(2, 1, 2));

  const Expectation first = sum;
  sum += more;

  EXPECT_EQ(sum.value, first.value + more.value);
  EXPECT_EQ(sum.gradient, first.gradient + more.gradient);
  EXPECT_EQ(sum.hessian, first.hessian + more.hessian);
}

}  // namespace
}  // namespace invar::regression
