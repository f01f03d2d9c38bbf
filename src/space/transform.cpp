#include "invar/space/transform.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::space {
namespace {

double unit_coordinate(TransformMap map, double x) {
  if (map == TransformMap::sigmoid) {
    return 1.0 / (1.0 + std::exp(-std::clamp(x, -60.0, 60.0)));
  }
  return 0.5 + std::atan(x) / std::numbers::pi;
}

double unit_derivative(TransformMap map, double x) {
  if (map == TransformMap::sigmoid) {
    const double u = unit_coordinate(map, x);
    return u * (1.0 - u);
  }
  return 1.0 / (std::numbers::pi * (1.0 + x * x));
}

}  // namespace

Transform::Transform(Bounds bounds, TransformMap map, double margin)
    : bounds_(std::move(bounds)), map_(map), margin_(margin) {
  INVAR_EXPECTS(margin >= 0.0 && margin < 0.5);
  for (Eigen::Index j = 0; j < bounds_.min().size(); ++j) {
    const bool has_lower = std::isfinite(bounds_.min()[j]);
    const bool has_upper = std::isfinite(bounds_.max()[j]);
    kinds_.push_back(has_lower && has_upper ? Kind::both
                     : has_lower            ? Kind::lower
                     : has_upper            ? Kind::upper
                                            : Kind::identity);
  }
}

bool Transform::is_identity() const {
  return std::all_of(kinds_.begin(), kinds_.end(), [](Kind k) { return k == Kind::identity; });
}

Eigen::MatrixXd Transform::to_physical(const Eigen::MatrixXd& x) const {
  Eigen::MatrixXd theta = x;
  for (Eigen::Index j = 0; j < x.rows(); ++j) {
    const double a = bounds_.min()[j];
    const double b = bounds_.max()[j];
    switch (kinds_[static_cast<std::size_t>(j)]) {
      case Kind::identity:
        break;
      case Kind::lower:
        theta.row(j) = a + x.row(j).array().exp();
        break;
      case Kind::upper:
        theta.row(j) = b - (-x.row(j)).array().exp();
        break;
      case Kind::both:
        for (Eigen::Index i = 0; i < x.cols(); ++i) {
          theta(j, i) =
              a + (b - a) * (margin_ + (1.0 - 2.0 * margin_) * unit_coordinate(map_, x(j, i)));
        }
        break;
    }
  }
  return theta;
}

Eigen::VectorXd Transform::to_optimizer(const Eigen::VectorXd& theta) const {
  Eigen::VectorXd x = theta;
  for (Eigen::Index j = 0; j < theta.size(); ++j) {
    const double a = bounds_.min()[j];
    const double b = bounds_.max()[j];
    const Kind kind = kinds_[static_cast<std::size_t>(j)];
    if ((kind == Kind::lower && theta[j] <= a) || (kind == Kind::upper && theta[j] >= b)) {
      throw Error(ErrorKind::config,
                  fmt::format("expected a start inside its bound, found {} at the bound {} for "
                              "parameter {}",
                              theta[j], kind == Kind::lower ? a : b, j + 1));
    }
    if (kind == Kind::lower) {
      x[j] = std::log(theta[j] - a);
    } else if (kind == Kind::upper) {
      x[j] = -std::log(b - theta[j]);
    } else if (kind == Kind::both) {
      const double w = std::clamp(((theta[j] - a) / (b - a) - margin_) / (1.0 - 2.0 * margin_),
                                  1e-12, 1.0 - 1e-12);
      x[j] = map_ == TransformMap::sigmoid ? std::log(w / (1.0 - w))
                                           : std::tan(std::numbers::pi * (w - 0.5));
    }
  }
  return x;
}

bool Transform::reaches(const Eigen::VectorXd& theta) const {
  for (Eigen::Index j = 0; j < theta.size(); ++j) {
    const Kind kind = kinds_[static_cast<std::size_t>(j)];
    const double a = bounds_.min()[j];
    const double b = bounds_.max()[j];
    const double margin = kind == Kind::both ? margin_ * (b - a) : 0.0;
    if ((kind != Kind::identity && kind != Kind::upper && !(theta[j] > a + margin)) ||
        (kind != Kind::identity && kind != Kind::lower && !(theta[j] < b - margin))) {
      return false;
    }
  }
  return true;
}

Eigen::MatrixXd Transform::jacobian(const Eigen::MatrixXd& x) const {
  Eigen::MatrixXd derivative = Eigen::MatrixXd::Ones(x.rows(), x.cols());
  for (Eigen::Index j = 0; j < x.rows(); ++j) {
    switch (kinds_[static_cast<std::size_t>(j)]) {
      case Kind::identity:
        break;
      case Kind::lower:
        derivative.row(j) = x.row(j).array().exp();
        break;
      case Kind::upper:
        derivative.row(j) = (-x.row(j)).array().exp();
        break;
      case Kind::both: {
        const double width = bounds_.max()[j] - bounds_.min()[j];
        for (Eigen::Index i = 0; i < x.cols(); ++i) {
          derivative(j, i) = width * (1.0 - 2.0 * margin_) * unit_derivative(map_, x(j, i));
        }
        break;
      }
    }
  }
  return derivative;
}

Eigen::VectorXd Transform::log_jacobian(const Eigen::MatrixXd& x) const {
  if (is_identity()) {
    return Eigen::VectorXd::Zero(x.cols());
  }
  return jacobian(x).cwiseAbs().cwiseMax(1e-300).array().log().colwise().sum().transpose();
}

Eigen::VectorXd Transform::minimum_std(const Eigen::VectorXd& x, double fraction) const {
  const Eigen::VectorXd derivative = jacobian(x);
  Eigen::VectorXd minimum = Eigen::VectorXd::Zero(x.size());
  for (Eigen::Index j = 0; j < x.size(); ++j) {
    if (kinds_[static_cast<std::size_t>(j)] == Kind::both) {
      minimum[j] = fraction * (bounds_.max()[j] - bounds_.min()[j]) /
                   std::max(std::abs(derivative[j]), 1e-16);
    }
  }
  return minimum;
}

}  // namespace invar::space
