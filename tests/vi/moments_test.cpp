#include "invar/vi/moments.hpp"

#include <cmath>
#include <limits>

#include "invar/core/random.hpp"
#include "invar/core/sobol.hpp"

namespace invar::vi {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Two-sided, lower, upper, none.
space::Bounds mixed_bounds() {
  return {Eigen::Vector4d(-1.0, 2.0, -infinity, -infinity),
          Eigen::Vector4d(3.0, infinity, 5.0, infinity)};
}

/// The mean and std of T(N(mean, std^2)) by the trapezoidal rule with very many points.
std::pair<double, double> by_brute_force(const space::Transform& transform, double mean,
                                         double std) {
  const Eigen::Index num_points = 400001;
  MatrixXd x(1, num_points);
  VectorXd weights(num_points);
  for (Eigen::Index i = 0; i < num_points; ++i) {
    const double z = -9.0 + 18.0 * static_cast<double>(i) / static_cast<double>(num_points - 1);
    x(0, i) = mean + std * z;
    weights[i] = std::exp(-0.5 * z * z);
  }
  weights /= weights.sum();
  const MatrixXd theta = transform.to_physical(x);
  const double first = (theta * weights)(0, 0);
  double second = 0.0;
  for (Eigen::Index i = 0; i < num_points; ++i) {
    second += weights[i] * std::pow(theta(0, i) - first, 2);
  }
  return {first, std::sqrt(second)};
}

TEST(PhysicalMoments, AreAccurateOnAllScalesOfTheSpread) {
  const space::Bounds bounds(VectorXd::Constant(1, -1.0), VectorXd::Constant(1, 3.0));
  for (const auto map : {space::TransformMap::sigmoid, space::TransformMap::arctan}) {
    const space::Transform transform(bounds, map, 1e-6);
    for (const double mean : {0.0, -2.5, 8.0, 40.0}) {
      for (const double std : {1e-3, 0.1, 1.0, 7.0, 300.0}) {
        const PhysicalMoments moments = physical_moments(
            {.mean = VectorXd::Constant(1, mean), .log_std = VectorXd::Constant(1, std::log(std))},
            transform);

        const auto [expected_mean, expected_std] = by_brute_force(transform, mean, std);
        EXPECT_NEAR(moments.mean[0], expected_mean, 1e-8) << mean << " " << std;
        EXPECT_NEAR(moments.std[0], expected_std, 1e-8 + 1e-6 * expected_std) << mean << " " << std;
      }
    }
  }
}

TEST(PhysicalMoments, OfOneSidedParametersAreLogNormal) {
  const space::Transform transform(mixed_bounds(), space::TransformMap::sigmoid, 0.0);
  const double s = 0.3;
  const Coordinates at{.mean = Eigen::Vector4d(0.0, 0.5, 0.5, 0.5),
                       .log_std = VectorXd::Constant(4, std::log(s))};

  const PhysicalMoments moments = physical_moments(at, transform);

  EXPECT_NEAR(moments.mean[1], 2.0 + std::exp(0.5 + s * s / 2), 1e-14);
  EXPECT_NEAR(moments.mean[2], 5.0 - std::exp(-0.5 + s * s / 2), 1e-14);
  EXPECT_NEAR(moments.std[1], std::exp(0.5 + s * s / 2) * std::sqrt(std::exp(s * s) - 1), 1e-14);
  EXPECT_NEAR(moments.std[2], std::exp(-0.5 + s * s / 2) * std::sqrt(std::exp(s * s) - 1), 1e-14);
  EXPECT_EQ(moments.mean[3], 0.5);
  EXPECT_NEAR(moments.std[3], s, 1e-16);
}

TEST(PhysicalCovariance, WithoutTransformIsTheFamilys) {
  const Family family = Family::correlated((MatrixXd(2, 2) << 1.0, 0.0, 0.6, 0.8).finished());
  const Coordinates at{.mean = Eigen::Vector2d(1.0, 2.0),
                       .log_std = Eigen::Vector2d(0.5, 2.0).array().log()};

  const MatrixXd covariance = physical_covariance(
      at, family, space::Transform(space::Bounds::none(2), space::TransformMap::sigmoid, 0.0));

  EXPECT_NEAR(covariance(0, 0), 0.25, 1e-15);
  EXPECT_NEAR(covariance(0, 1), 0.6, 1e-15);
  EXPECT_NEAR(covariance(1, 1), 4.0, 1e-14);
}

TEST(PhysicalCovariance, OfATransformAgreesWithManyDraws) {
  MatrixXd correlation(4, 4);
  correlation << 1.0, 0.7, -0.5, 0.4, 0.7, 1.0, -0.2, 0.3, -0.5, -0.2, 1.0, 0.1, 0.4, 0.3, 0.1, 1.0;
  const Family family = Family::correlated(Eigen::LLT<MatrixXd>(correlation).matrixL());
  const Coordinates at{.mean = Eigen::Vector4d(0.6, 0.1, -0.3, 2.0),
                       .log_std = Eigen::Vector4d(1.5, 0.4, 0.5, 0.7).array().log()};
  for (const auto map : {space::TransformMap::sigmoid, space::TransformMap::arctan}) {
    const space::Transform transform(mixed_bounds(), map, 1e-3);

    const MatrixXd covariance = physical_covariance(at, family, transform);

    MatrixXd z = core::scrambled_sobol({.seed = 1, .purpose = core::Purpose::test}, 4, 1 << 16);
    core::normal_quantile_in_place(z);
    MatrixXd theta = transform.to_physical(family.points(at, z));
    theta.colwise() -= theta.rowwise().mean().eval();
    const MatrixXd sampled = theta * theta.transpose() / static_cast<double>(theta.cols());
    // 2^16 quasi-random points: about 1e-4 of the standard deviations.
    const VectorXd std = sampled.diagonal().cwiseSqrt();
    EXPECT_LT((covariance - sampled).cwiseQuotient(std * std.transpose()).cwiseAbs().maxCoeff(),
              1e-3);
  }
}

TEST(PhysicalCovariance, OfALogNormalPairHasItsClosedForm) {
  const double rho = 0.8;
  const Family family =
      Family::correlated((MatrixXd(2, 2) << 1.0, 0.0, rho, std::sqrt(1 - rho * rho)).finished());
  const Coordinates at{.mean = Eigen::Vector2d(0.1, 0.2),
                       .log_std = Eigen::Vector2d(0.9, 1.3).array().log()};
  const space::Transform transform(
      space::Bounds(Eigen::Vector2d(0.0, -infinity), Eigen::Vector2d(infinity, 0.0)),
      space::TransformMap::sigmoid, 0.0);

  const MatrixXd covariance = physical_covariance(at, family, transform);

  // exp(x) and -exp(-y): E exp(x) E exp(-y) (1 - exp(-rho s t))
  const double expected =
      -std::exp(0.1 + 0.81 / 2) * std::exp(-0.2 + 1.69 / 2) * std::expm1(-rho * 0.9 * 1.3);
  EXPECT_NEAR(covariance(0, 1), expected, 1e-12);
}

}  // namespace
}  // namespace invar::vi
