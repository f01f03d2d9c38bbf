#include "invar/regression/gaussian.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <Eigen/Dense>

namespace invar::regression {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

Gaussian Gaussian::standard(Eigen::Index dimension) {
  return {.mean = VectorXd::Zero(dimension), .lower = MatrixXd::Identity(dimension, dimension)};
}

MatrixXd Gaussian::points(const MatrixXd& z) const {
  // Products of other shapes may differ in their last bits.
  constexpr Index width = 16;
  MatrixXd x(z.rows(), z.cols());
  MatrixXd block = MatrixXd::Zero(z.rows(), width);
  for (Index first = 0; first < z.cols(); first += width) {
    const Index count = std::min(width, z.cols() - first);
    block.leftCols(count) = z.middleCols(first, count);
    const MatrixXd product = lower.triangularView<Eigen::Lower>() * block;
    x.middleCols(first, count) = product.leftCols(count).colwise() + mean;
  }
  return x;
}

MatrixXd Gaussian::standardize(const MatrixXd& x) const {
  MatrixXd z = x.colwise() - mean;
  lower.triangularView<Eigen::Lower>().solveInPlace(z);
  return z;
}

VectorXd Gaussian::log_density(const MatrixXd& x) const {
  const double constant =
      -0.5 * static_cast<double>(dimension()) * std::log(2.0 * std::numbers::pi) -
      lower.diagonal().array().log().sum();
  return constant - 0.5 * standardize(x).colwise().squaredNorm().transpose().array();
}

double Gaussian::entropy() const {
  return 0.5 * static_cast<double>(dimension()) * (1.0 + std::log(2.0 * std::numbers::pi)) +
         lower.diagonal().array().log().sum();
}

Eigen::Array<bool, Eigen::Dynamic, 1> are_far(const std::vector<Gaussian>& from,
                                              const MatrixXd& x) {
  Eigen::Array<bool, Eigen::Dynamic, 1> are_far(x.cols());
  are_far.setConstant(true);
  for (const Gaussian& q : from) {
    const double far = std::sqrt(static_cast<double>(q.dimension())) + 4.0;
    are_far = are_far && q.standardize(x).colwise().norm().transpose().array() > far;
  }
  return are_far;
}

Gaussian placed(const Gaussian& base, const Gaussian& local) {
  const auto lower = base.lower.triangularView<Eigen::Lower>();
  return {.mean = base.mean + lower * local.mean, .lower = lower * local.lower};
}

MatrixXd factor_of_inverse(const MatrixXd& matrix) {
  // A = U U^T with U upper triangular, by the factor of A with rows and columns reversed.
  const MatrixXd reversed = matrix.reverse();
  const MatrixXd upper = MatrixXd(reversed.llt().matrixL()).reverse();
  MatrixXd lower = MatrixXd::Identity(matrix.rows(), matrix.cols());
  upper.transpose().triangularView<Eigen::Lower>().solveInPlace(lower);
  return lower;
}

Gaussian seen_from(const Gaussian& base, const Gaussian& other) {
  Gaussian local{.mean = base.standardize(other.mean), .lower = other.lower};
  base.lower.triangularView<Eigen::Lower>().solveInPlace(local.lower);
  return local;
}

double kl_divergence(const Gaussian& p, const Gaussian& q) {
  return kl_from_standard(seen_from(q, p));
}

double kl_from_standard(const Gaussian& p) {
  return 0.5 * (p.lower.squaredNorm() + p.mean.squaredNorm() - static_cast<double>(p.dimension())) -
         p.lower.diagonal().array().log().sum();
}

}  // namespace invar::regression
