#include "invar/vi/family.hpp"

#include <cmath>
#include <numbers>
#include <utility>

#include "invar/core/error.hpp"

namespace invar::vi {

Family Family::diagonal(Eigen::Index dimension) {
  Family family;
  family.dimension_ = dimension;
  return family;
}

Family Family::correlated(Eigen::MatrixXd correlation_cholesky) {
  INVAR_EXPECTS(correlation_cholesky.rows() == correlation_cholesky.cols());
  INVAR_EXPECTS((correlation_cholesky.diagonal().array() > 0).all());
  Family family;
  family.dimension_ = correlation_cholesky.rows();
  family.lower_ = std::move(correlation_cholesky);
  return family;
}

Eigen::MatrixXd Family::correlation() const {
  if (!is_correlated()) {
    return Eigen::MatrixXd::Identity(dimension_, dimension_);
  }
  return lower_ * lower_.transpose();
}

Eigen::MatrixXd Family::inverse_correlation() const {
  Eigen::MatrixXd inverse = Eigen::MatrixXd::Identity(dimension_, dimension_);
  if (is_correlated()) {
    lower_.triangularView<Eigen::Lower>().solveInPlace(inverse);
    lower_.transpose().triangularView<Eigen::Upper>().solveInPlace(inverse);
  }
  return inverse;
}

Eigen::MatrixXd Family::points(const Coordinates& at, const Eigen::MatrixXd& normals) const {
  INVAR_EXPECTS(normals.rows() == dimension_);
  const Eigen::VectorXd std = at.std();
  if (!is_correlated()) {
    return (std.asDiagonal() * normals).colwise() + at.mean;
  }
  Eigen::MatrixXd x = lower_.triangularView<Eigen::Lower>() * normals;
  x.array().colwise() *= std.array();
  x.colwise() += at.mean;
  return x;
}

double Family::entropy(const Coordinates& at) const {
  const double log_determinant = is_correlated() ? lower_.diagonal().array().log().sum() : 0.0;
  return at.log_std.sum() + log_determinant +
         0.5 * static_cast<double>(dimension_) * (1.0 + std::log(2.0 * std::numbers::pi));
}

Standardized Family::standardize(const Coordinates& at, const Eigen::MatrixXd& x) const {
  INVAR_EXPECTS(x.rows() == dimension_);
  Standardized out{.e = x.colwise() - at.mean, .a = {}, .std = at.std()};
  out.e.array().colwise() /= out.std.array();
  out.a = out.e;
  if (is_correlated()) {
    lower_.triangularView<Eigen::Lower>().solveInPlace(out.a);
    lower_.transpose().triangularView<Eigen::Upper>().solveInPlace(out.a);
  }
  return out;
}

}  // namespace invar::vi
