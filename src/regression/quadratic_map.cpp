#include "invar/regression/quadratic_map.hpp"

#include <Eigen/Dense>

#include "invar/core/error.hpp"

namespace invar::regression {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd QuadraticMap::values(const MatrixXd& z) const {
  MatrixXd f = slope.transpose() * z;
  f.colwise() += offset;
  if (!is_linear()) {
    for (Index k = 0; k < num_functions(); ++k) {
      const auto curvature_k = curvature_of(k);
      f.row(k) += 0.5 * (z.cwiseProduct(curvature_k * z).colwise().sum());
      f.row(k).array() -= 0.5 * curvature_k.trace();
    }
  }
  return f;
}

MatrixXd QuadraticMap::gradients(const VectorXd& z) const {
  MatrixXd gradient = slope;
  if (!is_linear()) {
    for (Index k = 0; k < num_functions(); ++k) {
      gradient.col(k) += curvature_of(k) * z;
    }
  }
  return gradient;
}

QuadraticMap QuadraticMap::seen_from(const Gaussian& at) const {
  QuadraticMap seen{.offset = offset + slope.transpose() * at.mean, .slope = slope};
  if (!is_linear()) {
    seen.curvature.resize(curvature.rows(), curvature.cols());
    const MatrixXd covariance = at.covariance();
    for (Index k = 0; k < num_functions(); ++k) {
      const auto curvature_k = curvature_of(k);
      const VectorXd turned = curvature_k * at.mean;
      seen.offset[k] += 0.5 * (at.mean.dot(turned) + curvature_k.cwiseProduct(covariance).sum() -
                               curvature_k.trace());
      seen.slope.col(k) += turned;
      seen.curvature.middleCols(k * dimension(), dimension()).noalias() =
          at.lower.transpose() * (curvature_k * at.lower);
    }
  }
  seen.slope = (at.lower.transpose() * seen.slope).eval();
  return seen;
}

Expectation& Expectation::operator+=(const Expectation& other) {
  value += other.value;
  gradient += other.gradient;
  hessian += other.hessian;
  return *this;
}

Expectation expected_half_square(const QuadraticMap& map) {
  Expectation expected{
      .value = -0.5 * (map.offset.squaredNorm() + map.slope.squaredNorm()),
      .gradient = -map.slope * map.offset,
      .hessian = -map.slope * map.slope.transpose(),
  };
  if (!map.is_linear()) {
    expected.value -= 0.25 * map.curvature.squaredNorm();
    // The C_k side by side: their squares sum up to one product.
    expected.hessian.noalias() -= map.curvature * map.curvature.transpose();
    for (Index k = 0; k < map.num_functions(); ++k) {
      expected.gradient -= map.curvature_of(k) * map.slope.col(k);
      expected.hessian -= map.offset[k] * map.curvature_of(k);
    }
  }
  return expected;
}

Expectation expected_value(const QuadraticMap& map) {
  INVAR_EXPECTS(map.num_functions() == 1);
  const Index d = map.dimension();
  return {.value = map.offset[0],
          .gradient = map.slope.col(0),
          .hessian = map.is_linear() ? MatrixXd(MatrixXd::Zero(d, d)) : map.curvature};
}

}  // namespace invar::regression
