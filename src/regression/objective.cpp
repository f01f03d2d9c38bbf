#include "invar/regression/objective.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

#include "invar/linalg/spectral.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int most_steps = 100;
constexpr double least_step = 1e-18;  // data may be more precise than the prior by so much
/// Of the eigenvalues of T, relative to the prior's precision.
constexpr double floor_of_precision = 0.1;
/// Gains below this share of a nat end the ascent.
constexpr double least_gain = 1e-12;

/// T = -E[Hessian], no eigenvalue below the floor relative to the prior's precision.
MatrixXd floored_precision(const MatrixXd& hessian, const MatrixXd& prior_precision) {
  // As a rule none is, which a factor says at a tenth of what a spectrum costs.
  MatrixXd whole = -0.5 * (hessian + hessian.transpose());
  if (Eigen::LLT<MatrixXd>(whole - floor_of_precision * prior_precision).info() == Eigen::Success) {
    return whole;
  }
  const Eigen::LLT<MatrixXd> factor(prior_precision);
  MatrixXd relative = -hessian;
  factor.matrixL().solveInPlace(relative);
  relative = relative.transpose().eval();
  factor.matrixL().solveInPlace(relative);
  const linalg::Spectrum spectrum = linalg::spectrum(0.5 * (relative + relative.transpose()));
  if (spectrum.values[0] >= floor_of_precision) {
    return whole;
  }
  const VectorXd values = spectrum.values.cwiseMax(floor_of_precision);
  const MatrixXd half = factor.matrixL() * spectrum.vectors;
  return half * values.asDiagonal() * half.transpose();
}

MatrixXd restricted(const MatrixXd& hessian, Family family) {
  return family == Family::full ? hessian : MatrixXd(hessian.diagonal().asDiagonal());
}

/// -E[Hessian], kept positive definite.
struct Precisions {
  MatrixXd whole;   // for the mean
  MatrixXd family;  // for the covariance
};

Precisions precisions(const MatrixXd& hessian, const MatrixXd& prior_precision, Family family) {
  const MatrixXd whole = floored_precision(hessian, prior_precision);
  return {.whole = whole,
          .family = family == Family::full
                        ? whole
                        : floored_precision(restricted(hessian, family),
                                            restricted(prior_precision, family))};
}

/// q after a step of size s from q = N(0, I) in the coordinates z' of q itself.
///
/// The mean takes the whole matrix also in a mean-field family: with the diagonal alone it would
/// come to a correlated optimum in very many steps.
Gaussian stepped(const Gaussian& from, const VectorXd& gradient, const Precisions& precision,
                 double step) {
  const auto factor_with = [&](const MatrixXd& target) {
    return factor_of_inverse((1.0 - step) * MatrixXd::Identity(target.rows(), target.cols()) +
                             step * target);
  };
  const MatrixXd whole = factor_with(precision.whole);
  const Gaussian local{.mean = step * (whole * (whole.transpose() * gradient)),
                       .lower = factor_with(precision.family)};
  return placed(from, local);
}

}  // namespace

Expectation Objective::log_joint(const Gaussian& local) const {
  Expectation expected = expected_half_square(residuals.seen_from(local));
  if (correction) {
    expected += expected_value(correction->seen_from(local));
  }
  expected += prior.under(placed(base, local));
  return expected;
}

double Objective::elbo(const Gaussian& local, const Expectation& log_joint) const {
  return log_joint.value + local.entropy() + base.lower.diagonal().array().log().sum();
}

Ascent ascend(const Objective& objective, Family family, double radius) {
  const Index d = objective.base.dimension();
  Ascent at{.local = Gaussian::standard(d)};
  Expectation here = objective.log_joint(at.local);
  at.elbo = objective.elbo(at.local, here);
  const double first = at.elbo;
  double step = 1.0;
  for (int i = 0; i < most_steps && here.hessian.allFinite(); ++i) {
    const Gaussian q = placed(objective.base, at.local);
    const Precisions precision = precisions(
        here.hessian, q.lower.transpose() * objective.prior.precision() * q.lower, family);
    step = std::min(1.0, 2.0 * step);
    bool has_moved = false;
    double gain = 0.0;
    at.is_limited = false;
    for (; step >= least_step && !has_moved; step *= has_moved ? 1.0 : 0.5) {
      const Gaussian candidate = stepped(at.local, here.gradient, precision, step);
      const double distance = kl_from_standard(candidate);
      if (!(distance <= radius)) {
        at.is_limited = true;
        continue;
      }
      const Expectation there = objective.log_joint(candidate);
      const double elbo = objective.elbo(candidate, there);
      if (elbo >= at.elbo) {
        gain = elbo - at.elbo;
        at.local = candidate;
        at.elbo = elbo;
        at.distance = distance;
        here = there;
        has_moved = true;
        break;
      }
    }
    if (!has_moved || gain <= least_gain * (1.0 + std::abs(at.elbo)) ||
        (at.is_limited && at.distance > 0.8 * radius)) {
      break;
    }
  }
  at.gain = at.elbo - first;
  return at;
}

}  // namespace invar::regression
