#include "invar/regression/prior_expectation.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "regression/quadrature.hpp"

namespace invar::regression {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double open = std::numeric_limits<double>::infinity();

space::Space space_of(const space::Prior& prior, const space::Bounds& bounds) {
  const auto d = static_cast<std::size_t>(prior.dimension());
  return {.names = std::vector<std::string>(d, "a"),
          .units = std::vector<std::string>(d, ""),
          .prior = prior,
          .bounds = bounds};
}

space::Prior some_prior(space::GaussianFamily family) {
  const Gaussian g = some_gaussian(3, 20);
  return family == space::GaussianFamily::diagonal
             ? space::Prior::diagonal(g.mean, g.std())
             : space::Prior::multivariate(g.mean, g.covariance());
}

Expectation by_differences(const PriorExpectation& prior, const Gaussian& q, double width) {
  return differences(q.dimension(), width,
                     [&](const VectorXd& shift) { return prior.under(shifted(q, shift)).value; });
}

class Unbounded : public ::testing::TestWithParam<space::GaussianFamily> {
 protected:
  space::Space space_ = space_of(some_prior(GetParam()), space::Bounds::none(3));
  PriorExpectation prior_{space_,
                          space::Transform(space_.bounds, space::TransformMap::sigmoid, 0.0)};
};

TEST_P(Unbounded, HasThePriorForItsGaussian) {
  EXPECT_LT(distance(prior_.gaussian().mean, space_.prior.mean()), 1e-15);
  EXPECT_LT(distance(prior_.gaussian().covariance(), space_.prior.covariance()), 1e-13);
  EXPECT_LT(distance(prior_.precision() * space_.prior.covariance(), MatrixXd::Identity(3, 3)),
            1e-12);
  const MatrixXd x = normals(3, 4);
  EXPECT_LT(distance(prior_.log_density(x), prior_.gaussian().log_density(x)), 1e-12);
}

TEST_P(Unbounded, IsTheCrossEntropy) {
  const Gaussian q = some_gaussian(3, 21);

  EXPECT_NEAR(prior_.under(q).value, -q.entropy() - kl_divergence(q, prior_.gaussian()), 1e-12);
}

TEST_P(Unbounded, HasTheDerivativesOfItsValue) {
  const Gaussian q = some_gaussian(3, 21);

  const Expectation found = prior_.under(q);
  const Expectation expected = by_differences(prior_, q, 1e-2);

  EXPECT_LT(distance(found.gradient, expected.gradient), 1e-9);
  EXPECT_LT(distance(found.hessian, expected.hessian), 1e-8);
}

INSTANTIATE_TEST_SUITE_P(PriorExpectation, Unbounded,
                         ::testing::Values(space::GaussianFamily::diagonal,
                                           space::GaussianFamily::multivariate));

struct Case {
  space::GaussianFamily family;
  space::TransformMap map;
  double margin;
};

/// Three parameters: bounded on both sides, below, and above.
class Bounded : public ::testing::TestWithParam<Case> {
 protected:
  space::Space space_ = space_of(some_prior(GetParam().family), {Eigen::Vector3d(-1.0, -3.0, -open),
                                                                 Eigen::Vector3d(2.0, open, 3.0)});
  space::Transform transform_{space_.bounds, GetParam().map, GetParam().margin};
  PriorExpectation prior_{space_, transform_};
};

TEST_P(Bounded, HasTheDensityOfTransformedParameters) {
  const MatrixXd x = normals(3, 5);

  const VectorXd density = prior_.log_density(x);

  const MatrixXd theta = transform_.to_physical(x);
  for (Eigen::Index i = 0; i < 5; ++i) {
    const double volume = transform_.jacobian(x.col(i)).prod();
    EXPECT_NEAR(density[i], space_.prior.log_density(theta.col(i))[0] + std::log(volume), 1e-12);
  }
}

TEST_P(Bounded, HasTheDerivativesOfItsValueWithTheSameNormals) {
  for (const double width : {1.0, 0.05}) {
    Gaussian q = some_gaussian(3, 22);
    q.lower *= width;

    const Expectation found = prior_.under(q);
    const Expectation expected = by_differences(prior_, q, 1e-3);

    const double scale = expected.hessian.cwiseAbs().maxCoeff();
    EXPECT_LT(distance(found.gradient, expected.gradient), 1e-5 * scale) << width;
    EXPECT_LT(distance(found.hessian, expected.hessian), 1e-5 * scale) << width;
  }
}

TEST_P(Bounded, HasTheValueOfQuadrature) {
  const Rule rule = gauss_hermite(3, 40);
  Gaussian q = some_gaussian(3, 22);
  q.lower *= 0.3;

  const double expected = rule.weights.dot(prior_.log_density(q.points(rule.nodes)));

  // 1,024 scrambled Sobol' points.
  EXPECT_NEAR(prior_.under(q).value, expected, 1e-3 * (1.0 + std::abs(expected)));
}

TEST_P(Bounded, HasAGaussianWithThePriorsMeanAndSlope) {
  const VectorXd mean = transform_.to_physical(prior_.gaussian().mean);
  const VectorXd slope = transform_.jacobian(prior_.gaussian().mean);

  const VectorXd std = prior_.gaussian().std();
  for (Eigen::Index j = 0; j < 3; ++j) {
    EXPECT_NEAR(mean[j], space_.prior.mean()[j], 1e-9) << j;
    EXPECT_NEAR(std[j], std::min(space_.prior.std()[j] / slope[j], 2.0), 1e-9) << j;
  }
  EXPECT_LT(distance(prior_.precision() * prior_.gaussian().covariance(), MatrixXd::Identity(3, 3)),
            1e-12);
}

INSTANTIATE_TEST_SUITE_P(
    PriorExpectation, Bounded,
    ::testing::Values(Case{space::GaussianFamily::diagonal, space::TransformMap::sigmoid, 0.0},
                      Case{space::GaussianFamily::multivariate, space::TransformMap::sigmoid, 0.0},
                      Case{space::GaussianFamily::diagonal, space::TransformMap::arctan, 0.0},
                      Case{space::GaussianFamily::multivariate, space::TransformMap::arctan,
                           0.05}));

TEST(PriorExpectation, KeepsItsGaussianInsideBoundsThatThePriorReachesOver) {
  const space::Space space = space_of(
      space::Prior::diagonal(Eigen::Vector3d(5.0, 0.0, 7.0), Eigen::Vector3d(100.0, 1e-3, 2.0)),
      {Eigen::Vector3d(0.0, 0.0, -open), Eigen::Vector3d(1.0, open, open)});
  const space::Transform transform(space.bounds, space::TransformMap::sigmoid, 0.0);

  const Gaussian found = PriorExpectation(space, transform).gaussian();

  const VectorXd theta = transform.to_physical(found.mean);
  EXPECT_NEAR(theta[0], 0.95, 1e-12);
  EXPECT_NEAR(theta[1], 5e-4, 1e-12);
  EXPECT_NEAR(theta[2], 7.0, 1e-12);
  EXPECT_LT(distance(found.std(), Eigen::Vector3d(2.0, 2.0, 2.0)), 1e-12);
}

TEST(PriorExpectation, HasDerivativesAlsoFarTowardsAnUpperBound) {
  const space::Space space =
      space_of(space::Prior::diagonal(VectorXd::Constant(1, 0.5), VectorXd::Constant(1, 1.0)),
               {VectorXd::Constant(1, 0.0), VectorXd::Constant(1, 1.0)});
  const PriorExpectation prior(space,
                               space::Transform(space.bounds, space::TransformMap::sigmoid, 0.0));
  const auto at = [](double mean, double width) {
    return Gaussian{.mean = VectorXd::Constant(1, mean), .lower = MatrixXd::Constant(1, 1, width)};
  };

  // The prior is symmetric about the middle of its bounds, and so must everything be.
  for (const double mean : {5.0, 10.0, 15.0, 20.0, 30.0}) {
    const Expectation above = prior.under(at(mean, 2.0));
    const Expectation below = prior.under(at(-mean, 2.0));
    EXPECT_NEAR(above.value, below.value, 0.002) << mean;
    EXPECT_NEAR(above.gradient[0], -below.gradient[0], 0.002) << mean;
    EXPECT_NEAR(above.hessian(0, 0), below.hessian(0, 0), 0.002) << mean;
  }
}

TEST(PriorExpectation, IsFiniteForWideGaussians) {
  const space::Space space =
      space_of(space::Prior::diagonal(VectorXd::Constant(2, 0.5), VectorXd::Constant(2, 1.0)),
               {VectorXd::Constant(2, 0.0), VectorXd::Constant(2, 1.0)});
  for (const auto map : {space::TransformMap::sigmoid, space::TransformMap::arctan}) {
    const Expectation found =
        PriorExpectation(space, space::Transform(space.bounds, map, 0.0))
            .under({.mean = VectorXd::Zero(2), .lower = 50.0 * MatrixXd::Identity(2, 2)});

    EXPECT_TRUE(std::isfinite(found.value));
    EXPECT_TRUE(found.gradient.allFinite());
    EXPECT_TRUE(found.hessian.allFinite());
  }
}

}  // namespace
}  // namespace invar::regression
