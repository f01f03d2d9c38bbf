#include "invar/regression/gaussian.hpp"

#include <cmath>
#include <numbers>

#include "invar/core/random.hpp"
#include "regression/quadrature.hpp"

namespace invar::regression {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

TEST(Gaussian, APointDoesNotDependOnHowManyFollow) {
  for (const Eigen::Index d : {1, 3, 8, 37}) {
    const MatrixXd z = core::standard_normals({.purpose = core::Purpose::test}, d, 50);
    const Gaussian q{
        .mean = z.col(0),
        .lower = MatrixXd((z.leftCols(1) * z.leftCols(1).transpose() + MatrixXd::Identity(d, d))
                              .llt()
                              .matrixL())};
    const MatrixXd all = q.points(z);
    for (Eigen::Index n = 1; n < 50; ++n) {
      ASSERT_EQ(q.points(z.leftCols(n)), all.leftCols(n)) << d << ", " << n;
    }
    EXPECT_LE((all - ((q.lower * z).colwise() + q.mean)).cwiseAbs().maxCoeff(), 1e-13);
  }
}

TEST(Gaussian, HasNormalsForPointsAndPointsForNormals) {
  const Gaussian g = some_gaussian(4);
  const MatrixXd z = normals(4, 7);

  const MatrixXd x = g.points(z);

  EXPECT_LT(distance(x.col(3), g.mean + g.lower * z.col(3)), 1e-14);
  EXPECT_LT(distance(g.standardize(x), z), 1e-13);
}

TEST(Gaussian, KnowsItsStandardDeviations) {
  const Gaussian g = some_gaussian(3);

  EXPECT_LT(distance(g.std(), g.covariance().diagonal().cwiseSqrt()), 1e-14);
}

TEST(Gaussian, HasADensityThatIntegratesToOneWithItsMoments) {
  const Gaussian g{.mean = Eigen::Vector2d(0.3, -0.2),
                   .lower = (Eigen::Matrix2d() << 0.8, 0.0, -0.5, 0.6).finished()};
  constexpr Eigen::Index side = 161;
  constexpr double reach = 8.0;
  const double width = 2.0 * reach / (side - 1);
  MatrixXd x(2, side * side);
  for (Eigen::Index i = 0; i < side * side; ++i) {
    x.col(i) << -reach + width * static_cast<double>(i % side),
        -reach + width * static_cast<double>(i / side);
  }

  const VectorXd mass = g.log_density(x).array().exp() * width * width;

  // The trapezoidal rule errs by exp(-2 (pi std / width)^2) for Gaussians: nothing at std /
  // width 5.
  EXPECT_NEAR(mass.sum(), 1.0, 1e-12);
  EXPECT_LT(distance(x * mass, g.mean), 1e-12);
  const MatrixXd off = x.colwise() - g.mean;
  EXPECT_LT(distance(off * mass.asDiagonal() * off.transpose(), g.covariance()), 1e-12);
  EXPECT_NEAR(-mass.dot(g.log_density(x)), g.entropy(), 1e-12);
}

TEST(Gaussian, HasTheTextbooksEntropy) {
  const Gaussian g = some_gaussian(5);

  EXPECT_NEAR(
      g.entropy(),
      0.5 * std::log((2.0 * std::numbers::pi * std::numbers::e * g.covariance()).determinant()),
      1e-12);
}

TEST(Gaussian, IsSeenFromABaseAsItIsPlaced) {
  const Gaussian base = some_gaussian(4, 1);
  const Gaussian local = some_gaussian(4, 2);

  const Gaussian global = placed(base, local);
  const Gaussian back = seen_from(base, global);

  EXPECT_LT(distance(back.mean, local.mean), 1e-13);
  EXPECT_LT(distance(back.lower, local.lower), 1e-13);
  EXPECT_LT(distance(global.mean, base.mean + base.lower * local.mean), 1e-14);
  EXPECT_LT(distance(global.covariance(), base.lower * local.covariance() * base.lower.transpose()),
            1e-13);
  EXPECT_TRUE(global.lower.isLowerTriangular(0.0));
}

TEST(Gaussian, IsStandardSeenFromItself) {
  const Gaussian g = some_gaussian(3);

  const Gaussian seen = seen_from(g, g);

  EXPECT_LT(distance(seen.mean, VectorXd::Zero(3)), 1e-15);
  EXPECT_LT(distance(seen.lower, MatrixXd::Identity(3, 3)), 1e-15);
}

TEST(KlDivergence, IsTheTextbooks) {
  const Gaussian p = some_gaussian(4, 3);
  const Gaussian q = some_gaussian(4, 4);
  const MatrixXd precision = q.covariance().inverse();
  const VectorXd off = q.mean - p.mean;

  const double expected =
      0.5 * ((precision * p.covariance()).trace() + off.dot(precision * off) - 4.0 +
             std::log(q.covariance().determinant() / p.covariance().determinant()));

  EXPECT_NEAR(kl_divergence(p, q), expected, 1e-12 * (1.0 + expected));
  EXPECT_NEAR(kl_from_standard(p), kl_divergence(p, Gaussian::standard(4)), 1e-13);
  EXPECT_NEAR(kl_divergence(p, p), 0.0, 1e-14);
}

TEST(KlDivergence, IsTheSameInAllCoordinates) {
  const Gaussian base = some_gaussian(3, 5);
  const Gaussian p = some_gaussian(3, 6);
  const Gaussian q = some_gaussian(3, 7);

  EXPECT_NEAR(kl_divergence(placed(base, p), placed(base, q)), kl_divergence(p, q), 1e-12);
}

TEST(KlDivergence, IsTheMeanOfTheLogRatioOfDensities) {
  const Gaussian p = some_gaussian(2, 8);
  const Gaussian q = some_gaussian(2, 9);
  const Rule rule = gauss_hermite(2, 4);
  const MatrixXd x = p.points(rule.nodes);

  EXPECT_NEAR(rule.weights.dot(p.log_density(x) - q.log_density(x)), kl_divergence(p, q), 1e-12);
}

TEST(FactorOfInverse, IsLowerTriangularAndGivesTheInverse) {
  for (const Eigen::Index d : {1, 2, 5}) {
    const MatrixXd a = some_gaussian(d, 10).covariance();

    const MatrixXd lower = factor_of_inverse(a);

    EXPECT_TRUE(lower.isLowerTriangular(0.0)) << d;
    EXPECT_GT(lower.diagonal().minCoeff(), 0.0) << d;
    EXPECT_LT(distance(lower * lower.transpose() * a, MatrixXd::Identity(d, d)), 1e-12) << d;
  }
}

}  // namespace
}  // namespace invar::regression
