#include "invar/regression/prior_frame.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <Eigen/Dense>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;
using Eigen::VectorXd;

/// Probabilities are kept this far from 0.
constexpr double least_probability = 1e-300;

/// No point on or beyond a bound is farther from the middle.
constexpr double farthest = 6.0;

double cumulative(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

/// Of a standard normal between a and b, from the tail that has the digits.
double probability_between(double a, double b) {
  return a > 0.0 ? cumulative(-a) - cumulative(-b) : cumulative(b) - cumulative(a);
}

double quantile(double probability) {
  MatrixXd one = MatrixXd::Constant(1, 1, std::max(probability, least_probability));
  core::normal_quantile_in_place(one);
  return one(0, 0);
}

/// The point where the distribution function is `below`, and one minus it `above`, whichever of
/// the two has the digits.
double point_at(double below, double above) {
  return below < above ? quantile(below) : -quantile(above);
}

}  // namespace

PriorFrame::PriorFrame(const space::Space& space)
    : mean_(space.prior.mean()),
      std_(space.prior.std()),
      low_((space.bounds.min() - mean_).cwiseQuotient(std_)),
      high_((space.bounds.max() - mean_).cwiseQuotient(std_)),
      has_bounds_(space.bounds.has_any()) {
  if (space.prior.family() == space::GaussianFamily::multivariate) {
    if (has_bounds_) {
      throw Error(ErrorKind::config,
                  "inference.family: low_rank works with correlated parameters or with bounds, not "
                  "with both; use full");
    }
    lower_ = space.prior.covariance().llt().matrixL();
  }
}

bool PriorFrame::is_bounded(Index parameter) const {
  return std::isfinite(low_[parameter]) || std::isfinite(high_[parameter]);
}

/// xi of a parameter to standard deviations of the prior from its mean.
void PriorFrame::bend(Index parameter, Eigen::Ref<RowVectorXd> xi) const {
  const double low = low_[parameter];
  const double high = high_[parameter];
  for (double& x : xi) {
    const double below = cumulative(low) * cumulative(-x) + cumulative(high) * cumulative(x);
    const double above = cumulative(-low) * cumulative(-x) + cumulative(-high) * cumulative(x);
    x = std::clamp(point_at(below, above), low, high);
  }
}

MatrixXd PriorFrame::to_physical(const MatrixXd& xi) const {
  MatrixXd physical = lower_.size() > 0 ? MatrixXd(lower_.triangularView<Eigen::Lower>() * xi) : xi;
  if (lower_.size() == 0) {
    for (Index j = 0; has_bounds_ && j < dimension(); ++j) {
      if (is_bounded(j)) {
        RowVectorXd row = physical.row(j);
        bend(j, row);
        physical.row(j) = row;
      }
    }
    physical = std_.asDiagonal() * physical;
  }
  physical.colwise() += mean_;
  return physical;
}

MatrixXd PriorFrame::to_standard(const MatrixXd& physical) const {
  MatrixXd xi = physical.colwise() - mean_;
  if (lower_.size() > 0) {
    lower_.triangularView<Eigen::Lower>().solveInPlace(xi);
    return xi;
  }
  xi = std_.cwiseInverse().asDiagonal() * xi;
  for (Index j = 0; has_bounds_ && j < dimension(); ++j) {
    if (is_bounded(j)) {
      const double share = probability_between(low_[j], high_[j]);
      for (Index i = 0; i < xi.cols(); ++i) {
        const double x = xi(j, i);
        xi(j, i) = std::clamp(point_at(probability_between(low_[j], x) / share,
                                       probability_between(x, high_[j]) / share),
                              -farthest, farthest);
      }
    }
  }
  return xi;
}

double PriorFrame::log_mass() const {
  double sum = 0.0;
  for (Index j = 0; has_bounds_ && j < dimension(); ++j) {
    sum += is_bounded(j) ? std::log(probability_between(low_[j], high_[j])) : 0.0;
  }
  return sum;
}

VectorXd PriorFrame::start_of(const VectorXd& mean) const {
  constexpr double most = 3.0;
  VectorXd xi = to_standard(mean);
  for (Index j = 0; has_bounds_ && j < dimension(); ++j) {
    xi[j] = is_bounded(j) ? std::clamp(xi[j], -most, most) : xi[j];
  }
  return xi;
}

VectorXd PriorFrame::std_of(const space::Prior& distribution) const {
  if (lower_.size() > 0) {
    MatrixXd factor = distribution.covariance().llt().matrixL();
    lower_.triangularView<Eigen::Lower>().solveInPlace(factor);
    return factor.rowwise().norm();
  }
  const VectorXd slopes = slope(start_of(distribution.mean()));
  return distribution.std().cwiseQuotient(slopes.cwiseMax(1e-3 * std_));
}

/// dT/dxi, parameter by parameter.
VectorXd PriorFrame::slope(const VectorXd& xi) const {
  VectorXd slope = std_;
  for (Index j = 0; has_bounds_ && j < dimension(); ++j) {
    if (is_bounded(j)) {
      RowVectorXd bent = xi.segment<1>(j);
      bend(j, bent);
      slope[j] *= probability_between(low_[j], high_[j]) *
                  std::exp(0.5 * (bent[0] * bent[0] - xi[j] * xi[j]));
    }
  }
  return slope;
}

MatrixXd PriorFrame::rows_in_frame(const MatrixXd& rows, const VectorXd& xi) const {
  if (lower_.size() > 0) {
    return rows * lower_.triangularView<Eigen::Lower>();
  }
  return rows * slope(xi).asDiagonal();
}

MatrixXd PriorFrame::columns_out_of_frame(const MatrixXd& columns, const VectorXd& xi) const {
  if (lower_.size() > 0) {
    return lower_.triangularView<Eigen::Lower>() * columns;
  }
  return slope(xi).asDiagonal() * columns;
}

vi::PhysicalMoments PriorFrame::moments(const VectorXd& mean, const MatrixXd& basis,
                                        const MatrixXd& excess) const {
  vi::PhysicalMoments moments;
  if (lower_.size() > 0) {
    const MatrixXd turned = lower_.triangularView<Eigen::Lower>() * basis;
    moments.mean = mean_ + lower_.triangularView<Eigen::Lower>() * mean;
    moments.std = (std_.cwiseAbs2() + (turned * excess).cwiseProduct(turned).rowwise().sum())
                      .cwiseMax(0.0)
                      .cwiseSqrt();
    return moments;
  }
  const VectorXd std =
      (1.0 + (basis * excess).cwiseProduct(basis).rowwise().sum().array()).max(0.0).sqrt();
  moments.mean = mean_ + std_.cwiseProduct(mean);
  moments.std = std_.cwiseProduct(std);
  // The trapezoidal rule converges geometrically for what is smooth and falls off as a normal.
  constexpr int half = 40;
  constexpr double spacing = 0.2;
  for (Index j = 0; has_bounds_ && j < dimension(); ++j) {
    if (!is_bounded(j)) {
      continue;
    }
    const RowVectorXd z = RowVectorXd::LinSpaced(2 * half + 1, -half * spacing, half * spacing);
    RowVectorXd weights = (-0.5 * z.array().square()).exp();
    weights /= weights.sum();
    RowVectorXd bent = mean[j] + std[j] * z.array();
    bend(j, bent);
    const double middle = bent.dot(weights);
    const double variance = (bent.array() - middle).square().matrix().dot(weights);
    moments.mean[j] = mean_[j] + std_[j] * middle;
    moments.std[j] = std_[j] * std::sqrt(variance);
  }
  return moments;
}

}  // namespace invar::regression
