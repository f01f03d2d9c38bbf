#include "invar/regression/informed_directions.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

namespace invar::regression {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd outside(const MatrixXd& basis, const MatrixXd& columns) {
  if (basis.cols() == 0) {
    return columns;
  }
  MatrixXd rest = columns - basis * (basis.transpose() * columns);
  rest -= basis * (basis.transpose() * rest).eval();  // once more for the last digits
  return rest;
}

namespace {

struct LeftVectors {
  MatrixXd vectors;  // d x min(c, d)
  VectorXd values;
};

LeftVectors left_vectors(const MatrixXd& columns) {
  const Index d = columns.rows();
  const Index c = columns.cols();
  if (c >= d) {
    const Eigen::BDCSVD<MatrixXd> svd(columns, Eigen::ComputeThinU);
    return {.vectors = svd.matrixU(), .values = svd.singularValues()};
  }
  const Eigen::HouseholderQR<MatrixXd> qr(columns);
  const MatrixXd upper = qr.matrixQR().topRows(c).triangularView<Eigen::Upper>();
  const Eigen::BDCSVD<MatrixXd> svd(upper, Eigen::ComputeThinU);
  LeftVectors left{.vectors = MatrixXd::Zero(d, c), .values = svd.singularValues()};
  left.vectors.topRows(c) = svd.matrixU();
  left.vectors.applyOnTheLeft(qr.householderQ());
  return left;
}

}  // namespace

MatrixXd compressed(const MatrixXd& columns, double negligible) {
  if (columns.cols() == 0) {
    return columns;
  }
  const LeftVectors left = left_vectors(columns);
  const Index rank = (left.values.array() > negligible).count();
  return left.vectors.leftCols(rank) * left.values.head(rank).asDiagonal();
}

MatrixXd leading_directions(const MatrixXd& columns, const Truncation& truncation) {
  const Index d = columns.rows();
  const Index c = std::min(d, columns.cols());
  if (c == 0) {
    return MatrixXd(d, 0);
  }
  const LeftVectors left = left_vectors(columns);
  const VectorXd& values = left.values;
  // tails[k]: what is left when k directions are kept.
  VectorXd tails = VectorXd::Zero(c + 1);
  for (Index k = c - 1; k >= 0; --k) {
    tails[k] = std::hypot(tails[k + 1], values[k]);
  }
  Index rank = 0;
  while (rank < c && rank < truncation.most_ever &&
         tails[rank] > (rank < truncation.most ? truncation.tail : truncation.rough_tail)) {
    ++rank;
  }
  return left.vectors.leftCols(rank);
}

bool are_exhausted(const MatrixXd& draws, double tail) {
  constexpr Index least_checks = 2;
  const Index n = draws.cols();
  const Index num_checks = std::max(least_checks, n / 8);
  if (n < 2 * num_checks) {
    return false;
  }
  const Index num_first = n - num_checks;
  const VectorXd middle = draws.leftCols(num_first).rowwise().mean();
  const MatrixXd first = draws.leftCols(num_first).colwise() - middle;
  const MatrixXd last = draws.rightCols(num_checks).colwise() - middle;
  // A direction of rounding errors alone must not take part: it would explain nothing, and fits
  // anything.
  Eigen::ColPivHouseholderQR<MatrixXd> qr(first);
  qr.setThreshold(1e-13);
  const MatrixXd basis =
      qr.householderQ() * MatrixXd::Identity(draws.rows(), std::min(draws.rows(), qr.rank()));
  return outside(basis, last).colwise().norm().maxCoeff() <= tail;
}

}  // namespace invar::regression
