#include "invar/vi/directions.hpp"

#include <cmath>
#include <numbers>
#include <utility>

#include "invar/core/error.hpp"
#include "invar/linalg/spectral.hpp"

namespace invar::vi {

double Direction::norm() const {
  return std::hypot(mean.norm(), log_std.norm());
}

Direction update_direction(const GradientEstimate& gradient, const Eigen::VectorXd& std,
                           GradientMethod method) {
  if (method == GradientMethod::standard) {
    return {.mean = gradient.mean, .log_std = gradient.log_std};
  }
  return {.mean = std.cwiseAbs2().cwiseProduct(gradient.mean), .log_std = 0.5 * gradient.log_std};
}

Direction newton_direction(const GradientEstimate& gradient, const Eigen::MatrixXd& hessian,
                           const Eigen::VectorXd& std, const VINewtonOptimizerConfig& config) {
  const Eigen::Index dimension = std.size();
  INVAR_EXPECTS(hessian.rows() == 2 * dimension && hessian.cols() == 2 * dimension);
  const Direction finite = without_non_finite({.mean = gradient.mean, .log_std = gradient.log_std});
  Eigen::VectorXd g(2 * dimension);
  g << finite.mean, finite.log_std;
  Eigen::VectorXd scale = Eigen::VectorXd::Ones(2 * dimension);
  if (config.newton_metric == NewtonMetric::natural) {
    scale << std, Eigen::VectorXd::Constant(dimension, 1.0 / std::numbers::sqrt2);
  }

  const linalg::Spectrum eigen =
      linalg::spectrum(scale.asDiagonal() * hessian * scale.asDiagonal());
  const Eigen::VectorXd curvature = eigen.values.cwiseAbs().cwiseMax(config.newton_regularization);
  const Eigen::VectorXd scaled = scale.cwiseProduct(g);
  Eigen::VectorXd v;
  if (config.newton_hessian_type == NewtonHessianType::full) {
    v = eigen.vectors * (eigen.vectors.transpose() * scaled).cwiseQuotient(curvature);
  } else {
    v = scaled.cwiseQuotient(eigen.vectors.cwiseAbs2() * curvature);
  }
  v = v.cwiseProduct(scale);
  return {.mean = v.head(dimension), .log_std = v.tail(dimension)};
}

Direction without_non_finite(Direction direction) {
  direction.mean = direction.mean.array().isFinite().select(direction.mean, 0.0);
  direction.log_std = direction.log_std.array().isFinite().select(direction.log_std, 0.0);
  return direction;
}

}  // namespace invar::vi
