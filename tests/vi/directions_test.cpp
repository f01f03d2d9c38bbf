#include "invar/vi/directions.hpp"

#include <cmath>
#include <limits>

namespace invar::vi {
namespace {

using Eigen::MatrixXd;
using Eigen::Vector2d;
using Eigen::VectorXd;

GradientEstimate gradient() {
  return {.mean = Vector2d(1.0, -2.0), .log_std = Vector2d(0.5, 0.25), .snr = 1.0};
}

MatrixXd hessian() {
  MatrixXd h(4, 4);
  h << -3.0, 0.5, 0.1, 0.0, 0.5, 2.0, 0.0, 0.3, 0.1, 0.0, -1.0, 0.2, 0.0, 0.3, 0.2, -0.5;
  return h;
}

VectorXd both(const Direction& direction) {
  VectorXd v(4);
  v << direction.mean, direction.log_std;
  return v;
}

TEST(UpdateDirection, IsTheGradientOrItsNaturalForm) {
  const Vector2d std(2.0, 0.5);

  EXPECT_EQ(both(update_direction(gradient(), std, GradientMethod::standard)),
            Eigen::Vector4d(1.0, -2.0, 0.5, 0.25));
  EXPECT_EQ(both(update_direction(gradient(), std, GradientMethod::natural)),
            Eigen::Vector4d(4.0, -0.5, 0.25, 0.125));
}

TEST(NewtonDirection, TurnsEveryCurvatureIntoAscent) {
  const VINewtonOptimizerConfig config{.newton_hessian_type = NewtonHessianType::full};

  const VectorXd v = both(newton_direction(gradient(), hessian(), Vector2d(2.0, 0.5), config));

  // |H| v = g with |H| = (H H)^(1/2), no eigenvalue being below the floor.
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(hessian() * hessian());
  const VectorXd g = Eigen::Vector4d(1.0, -2.0, 0.5, 0.25);
  EXPECT_LT((solver.operatorSqrt() * v - g).norm(), 1e-13);
  EXPECT_GT(v.dot(g), 0.0);
}

TEST(NewtonDirection, OfTypeDiagonalTakesTheDiagonalOfTheProjectedMatrix) {
  const VINewtonOptimizerConfig config{.newton_hessian_type = NewtonHessianType::diagonal};

  const VectorXd v = both(newton_direction(gradient(), hessian(), Vector2d(2.0, 0.5), config));

  const MatrixXd projected =
      Eigen::SelfAdjointEigenSolver<MatrixXd>(hessian() * hessian()).operatorSqrt();
  const VectorXd g = Eigen::Vector4d(1.0, -2.0, 0.5, 0.25);
  EXPECT_LT((v - g.cwiseQuotient(projected.diagonal())).norm(), 1e-13);
}

TEST(NewtonDirection, FloorsTheCurvatureInItsOwnMetric) {
  const VINewtonOptimizerConfig config{.newton_metric = NewtonMetric::natural,
                                       .newton_hessian_type = NewtonHessianType::full,
                                       .newton_regularization = 0.1};
  const Vector2d std(2.0, 0.5);

  const VectorXd v = both(newton_direction(gradient(), MatrixXd::Zero(4, 4), std, config));

  // B = 0.1 I: v = S S g / 0.1 with S = diag(std, sqrt(1/2)).
  EXPECT_LT((v - Eigen::Vector4d(4.0 / 0.1, -0.5 / 0.1, 0.25 / 0.1, 0.125 / 0.1)).norm(), 1e-12);
}

TEST(NewtonDirection, LeavesOutGradientsThatAreNotFinite) {
  GradientEstimate broken = gradient();
  broken.mean[0] = std::numeric_limits<double>::quiet_NaN();
  broken.log_std[1] = std::numeric_limits<double>::infinity();

  const Direction v = newton_direction(broken, -MatrixXd::Identity(4, 4), Vector2d(1.0, 1.0), {});

  EXPECT_LT((both(v) - Eigen::Vector4d(0.0, -2.0, 0.5, 0.0)).norm(), 1e-15);
}

TEST(Direction, HasTheNormOfBothHalves) {
  EXPECT_DOUBLE_EQ((Direction{Vector2d(1.0, 2.0), Vector2d(2.0, 4.0)}.norm()), 5.0);
}

}  // namespace
}  // namespace invar::vi
