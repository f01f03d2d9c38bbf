#include "invar/regression/prior_frame.hpp"

#include <cmath>

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd normals(std::uint64_t seed, Index rows, Index columns) {
  return core::standard_normals({.seed = seed, .purpose = core::Purpose::test}, rows, columns);
}

space::Space space_of(const space::Prior& prior, const space::Bounds& bounds) {
  return {.names = std::vector<std::string>(static_cast<std::size_t>(prior.dimension()), "p"),
          .units = std::vector<std::string>(static_cast<std::size_t>(prior.dimension())),
          .prior = prior,
          .bounds = bounds};
}

/// No bound, an interval, a lower bound far in the tail, an upper one.
PriorFrame bounded() {
  return PriorFrame(space_of(space::Prior::diagonal(Eigen::Vector4d(1.0, 0.5, 0.0, -1.0),
                                                    Eigen::Vector4d(2.0, 1.0, 1.0, 0.5)),
                             space::Bounds(Eigen::Vector4d(-HUGE_VAL, 0.0, 6.0, -HUGE_VAL),
                                           Eigen::Vector4d(HUGE_VAL, 2.0, HUGE_VAL, -0.5))));
}

PriorFrame correlated() {
  const MatrixXd root = MatrixXd::Identity(4, 4) + 0.3 * normals(1, 4, 4);
  return PriorFrame(space_of(
      space::Prior::multivariate(Eigen::Vector4d(1.0, 0.5, 0.0, -1.0), root * root.transpose()),
      space::Bounds::none(4)));
}

TEST(PriorFrame, GoesThereAndBack) {
  const MatrixXd xi = normals(2, 4, 50);
  for (const PriorFrame& frame : {bounded(), correlated()}) {
    EXPECT_LE((frame.to_standard(frame.to_physical(xi)) - xi).cwiseAbs().maxCoeff(), 1e-9);
  }
}

TEST(PriorFrame, KeepsToTheBounds) {
  const MatrixXd theta = bounded().to_physical(5.0 * normals(3, 4, 2000));
  EXPECT_GE(theta.row(1).minCoeff(), 0.0);
  EXPECT_LE(theta.row(1).maxCoeff(), 2.0);
  EXPECT_GE(theta.row(2).minCoeff(), 6.0);
  EXPECT_LE(theta.row(3).maxCoeff(), -0.5);
  EXPECT_TRUE(theta.allFinite());
}

TEST(PriorFrame, ANormalBecomesThePriorCutToItsBounds) {
  // The mean of a normal cut to (a, b): mu + sigma (phi(a) - phi(b)) / (Phi(b) - Phi(a)).
  const PriorFrame frame = bounded();
  const vi::PhysicalMoments moments =
      frame.moments(VectorXd::Zero(4), MatrixXd(4, 0), MatrixXd(0, 0));
  EXPECT_NEAR(moments.mean[0], 1.0, 1e-12);
  EXPECT_NEAR(moments.std[0], 2.0, 1e-12);
  const auto phi = [](double x) {
    return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::acos(-1.0));
  };
  const auto cumulative = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  const double share = cumulative(1.5) - cumulative(-0.5);
  const double shift = (phi(-0.5) - phi(1.5)) / share;
  EXPECT_NEAR(moments.mean[1], 0.5 + shift, 1e-6);
  EXPECT_NEAR(moments.std[1],
              std::sqrt(1.0 + (-0.5 * phi(-0.5) - 1.5 * phi(1.5)) / share - shift * shift), 1e-6);
  const double tail = phi(6.0) / cumulative(-6.0);
  EXPECT_NEAR(moments.mean[2], tail, 1e-6);
  EXPECT_NEAR(moments.std[2], std::sqrt(1.0 + 6.0 * tail - tail * tail), 1e-6);
}

TEST(PriorFrame, DerivativesAreThoseOfTheMap) {
  const VectorXd xi = Eigen::Vector4d(0.3, -0.7, 0.5, 1.2);
  for (const PriorFrame& frame : {bounded(), correlated()}) {
    MatrixXd slope(4, 4);
    constexpr double step = 1e-6;
    for (Index j = 0; j < 4; ++j) {
      const VectorXd up = xi + step * VectorXd::Unit(4, j);
      const VectorXd down = xi - step * VectorXd::Unit(4, j);
      slope.col(j) = (frame.to_physical(up) - frame.to_physical(down)) / (2.0 * step);
    }
    const MatrixXd rows = normals(4, 3, 4);
    EXPECT_LE((frame.rows_in_frame(rows, xi) - rows * slope).cwiseAbs().maxCoeff(), 1e-7);
    EXPECT_LE((frame.columns_out_of_frame(rows.transpose(), xi) - slope * rows.transpose())
                  .cwiseAbs()
                  .maxCoeff(),
              1e-7);
  }
}

TEST(PriorFrame, MomentsAreThoseOfManyPoints) {
  const MatrixXd basis =
      MatrixXd(normals(5, 4, 2).householderQr().householderQ() * MatrixXd::Identity(4, 2));
  MatrixXd excess(2, 2);
  excess << -0.7, 0.1, 0.1, -0.4;
  const VectorXd mean = Eigen::Vector4d(0.5, -0.3, 0.8, 0.2);
  const MatrixXd covariance = MatrixXd::Identity(4, 4) + basis * excess * basis.transpose();
  const Index n = 200'000;
  MatrixXd xi = MatrixXd(covariance.llt().matrixL()) * normals(6, 4, n);
  xi.colwise() += mean;
  for (const PriorFrame& frame : {bounded(), correlated()}) {
    const vi::PhysicalMoments moments = frame.moments(mean, basis, excess);
    const MatrixXd theta = frame.to_physical(xi);
    const VectorXd middle = theta.rowwise().mean();
    const VectorXd std = (theta.colwise() - middle).cwiseAbs2().rowwise().mean().cwiseSqrt();
    // Five standard errors.
    EXPECT_LE((moments.mean - middle).cwiseQuotient(std).cwiseAbs().maxCoeff(), 0.012);
    EXPECT_LE((moments.std.cwiseQuotient(std).array() - 1.0).abs().maxCoeff(), 0.012);
  }
}

TEST(PriorFrame, RefusesBoundsOfCorrelatedParameters) {
  EXPECT_THROW(
      PriorFrame(space_of(
          space::Prior::multivariate(Eigen::Vector2d(0.0, 0.0), MatrixXd::Identity(2, 2)),
          space::Bounds(Eigen::Vector2d(-1.0, -HUGE_VAL), Eigen::Vector2d(HUGE_VAL, HUGE_VAL)))),
      Error);
}

}  // namespace
}  // namespace invar::regression
