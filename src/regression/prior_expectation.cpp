#include "invar/regression/prior_expectation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <Eigen/Dense>

#include "invar/core/sobol.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index num_normals = 1024;
/// Of the central differences of exact derivatives, in x, which has no units.
constexpr double difference = 1e-4;

/// Points that stand for N(0, I); the same for every problem of that dimension.
MatrixXd fixed_normals(Index dimension) {
  const core::StreamKey key{.seed = 0, .purpose = core::Purpose::moments};
  if (dimension > core::max_sobol_dimension) {
    return core::standard_normals(key, dimension, num_normals);
  }
  MatrixXd points = core::scrambled_sobol(key, dimension, num_normals);
  core::normal_quantile_in_place(points);
  return points;
}

/// A mean that the transform can take: strictly inside the bounds.
VectorXd inside(const VectorXd& mean, const space::Bounds& bounds, const VectorXd& std,
                double share_kept_free) {
  VectorXd moved = mean;
  for (Index j = 0; j < mean.size(); ++j) {
    const double a = bounds.min()[j];
    const double b = bounds.max()[j];
    const bool has_both = std::isfinite(a) && std::isfinite(b);
    const double margin = has_both
                              ? share_kept_free * (b - a) + std::min(0.05 * (b - a), 0.5 * std[j])
                              : 0.5 * std[j];
    if (std::isfinite(a)) {
      moved[j] = std::max(moved[j], a + margin);
    }
    if (std::isfinite(b)) {
      moved[j] = std::min(moved[j], b - margin);
    }
  }
  return moved;
}

/// dT/dx, which between two bounds is even in x: at -|x| it has all its digits, towards the upper
/// bound it loses them, and differences of its logarithm more.
MatrixXd slopes(const space::Transform& transform, const MatrixXd& x) {
  MatrixXd folded = x;
  const space::Bounds& bounds = transform.bounds();
  for (Index j = 0; j < x.rows(); ++j) {
    if (std::isfinite(bounds.min()[j]) && std::isfinite(bounds.max()[j])) {
      folded.row(j) = -x.row(j).cwiseAbs();
    }
  }
  return transform.jacobian(folded);
}

Gaussian gaussian_in_x(const space::Space& space, const space::Transform& transform) {
  const space::Prior& prior = space.prior;
  if (transform.is_identity()) {
    return {.mean = prior.mean(),
            .lower = prior.family() == space::GaussianFamily::diagonal
                         ? MatrixXd(prior.std().asDiagonal())
                         : MatrixXd(prior.covariance().llt().matrixL())};
  }
  // Parameters whose prior reaches over its bounds are spread as the transform spreads a uniform.
  constexpr double widest = 2.0;
  Gaussian g;
  g.mean = transform.to_optimizer(
      inside(prior.mean(), space.bounds, prior.std(), transform.interior_margin()));
  const VectorXd slope = transform.jacobian(g.mean);
  MatrixXd lower = prior.covariance().llt().matrixL();
  for (Index j = 0; j < g.mean.size(); ++j) {
    const bool is_bounded =
        std::isfinite(space.bounds.min()[j]) || std::isfinite(space.bounds.max()[j]);
    const double std = prior.std()[j] / slope[j];
    // The arctangent's scale grows towards the bounds.
    const double scale =
        transform.map() == space::TransformMap::arctan ? std::max(1.0, std::abs(g.mean[j])) : 1.0;
    lower.row(j) *= (is_bounded ? std::min(std, widest * scale) : std) / prior.std()[j];
  }
  g.lower = lower;
  return g;
}

}  // namespace

PriorExpectation::PriorExpectation(const space::Space& space, const space::Transform& transform)
    : prior_(space.prior), transform_(transform), gaussian_(gaussian_in_x(space, transform)) {
  const Index d = space.dimension();
  const MatrixXd identity = MatrixXd::Identity(d, d);
  physical_precision_ = prior_.family() == space::GaussianFamily::diagonal
                            ? MatrixXd(prior_.std().cwiseAbs2().cwiseInverse().asDiagonal())
                            : MatrixXd(prior_.covariance().llt().solve(identity));
  const MatrixXd inverse = gaussian_.lower.triangularView<Eigen::Lower>().solve(identity);
  precision_ = inverse.transpose() * inverse;
  if (!transform_.is_identity()) {
    normals_ = fixed_normals(d);
  }
}

VectorXd PriorExpectation::log_density(const MatrixXd& x) const {
  if (transform_.is_identity()) {
    return prior_.log_density(x);
  }
  return prior_.log_density(transform_.to_physical(x)) + transform_.log_jacobian(x);
}

Expectation PriorExpectation::under(const Gaussian& q) const {
  if (transform_.is_identity()) {
    const VectorXd pull = physical_precision_ * (prior_.mean() - q.mean);
    const MatrixXd half = physical_precision_ * q.lower;
    Expectation expected;
    expected.value = prior_.log_density(q.mean)[0] - 0.5 * half.cwiseProduct(q.lower).sum();
    expected.gradient = q.lower.transpose() * pull;
    expected.hessian = -(q.lower.transpose() * half);
    return expected;
  }
  const MatrixXd x = q.points(normals_);
  const MatrixXd above = x.array() + difference;
  const MatrixXd below = x.array() - difference;
  const MatrixXd slope = slopes(transform_, x);
  const MatrixXd slope_above = slopes(transform_, above);
  const MatrixXd slope_below = slopes(transform_, below);
  const auto log_of = [](const MatrixXd& s) { return s.array().abs().max(1e-300).log(); };
  const MatrixXd bend = (slope_above - slope_below) / (2.0 * difference);
  const MatrixXd volume_slope = (log_of(slope_above) - log_of(slope_below)) / (2.0 * difference);
  const MatrixXd volume_bend =
      (log_of(slope_above) - 2.0 * log_of(slope) + log_of(slope_below)) / (difference * difference);
  const MatrixXd pull =
      physical_precision_ * ((-transform_.to_physical(x)).colwise() + prior_.mean());

  const auto count = static_cast<double>(num_normals);
  Expectation expected;
  expected.value = log_density(x).mean();
  const VectorXd gradient = (slope.cwiseProduct(pull) + volume_slope).rowwise().mean();
  MatrixXd hessian = -(physical_precision_.cwiseProduct(slope * slope.transpose() / count));
  hessian.diagonal() += (bend.cwiseProduct(pull) + volume_bend).rowwise().mean();
  expected.gradient = q.lower.transpose() * gradient;
  expected.hessian = q.lower.transpose() * hessian * q.lower;
  return expected;
}

}  // namespace invar::regression
