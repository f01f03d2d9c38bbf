#include "invar/vi/moments.hpp"

#include <cmath>
#include <numbers>

namespace invar::vi {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index num_terms = 40;

/// Whether a parameter is bounded below and above.
struct Sides {
  bool has_lower;
  bool has_upper;
};

Sides sides_of(const space::Bounds& bounds, Index j) {
  return {.has_lower = std::isfinite(bounds.min()[j]), .has_upper = std::isfinite(bounds.max()[j])};
}

/// Weighted points in x, a row of them per parameter.
struct Quadrature {
  MatrixXd x;        // d x n
  MatrixXd weights;  // d x n, rows sum to 1
};

/// x = sinh(s) spreads the points over all scales between the map's (1) and the Gaussian's.
Quadrature sinh_rule(const Coordinates& at) {
  constexpr Index num_points = 97;
  constexpr double reach = 8.5;  // standard deviations
  const VectorXd std = at.std();
  Quadrature rule{.x = MatrixXd(at.mean.size(), num_points),
                  .weights = MatrixXd(at.mean.size(), num_points)};
  for (Index j = 0; j < at.mean.size(); ++j) {
    const ArrayXd s = ArrayXd::LinSpaced(num_points, std::asinh(at.mean[j] - reach * std[j]),
                                         std::asinh(at.mean[j] + reach * std[j]));
    rule.x.row(j) = s.sinh().matrix().transpose();
    const ArrayXd z = (rule.x.row(j).transpose().array() - at.mean[j]) / std[j];
    const ArrayXd density = (-0.5 * z.square()).exp() * s.cosh();
    rule.weights.row(j) = (density / density.sum()).matrix().transpose();
  }
  return rule;
}

/// The trapezoidal rule for products with normalised Hermite polynomials h_1 .. h_num_terms.
struct HermiteRule {
  VectorXd z;        // n
  MatrixXd weights;  // n x num_terms: spacing * density * h_k
};

const HermiteRule& hermite_rule() {
  static const HermiteRule rule = [] {
    constexpr Index num_points = 281;
    constexpr double reach = 14.0;
    HermiteRule made{.z = VectorXd::LinSpaced(num_points, -reach, reach),
                     .weights = MatrixXd(num_points, num_terms)};
    const double spacing = 2.0 * reach / static_cast<double>(num_points - 1);
    const ArrayXd density =
        spacing / std::sqrt(2.0 * std::numbers::pi) * (-0.5 * made.z.array().square()).exp();
    ArrayXd before = density;
    made.weights.col(0) = density * made.z.array();
    for (Index n = 1; n < num_terms; ++n) {
      const auto degree = static_cast<double>(n);
      const ArrayXd next =
          (made.z.array() * made.weights.col(n - 1).array() - std::sqrt(degree) * before) /
          std::sqrt(degree + 1.0);
      before = made.weights.col(n - 1);
      made.weights.col(n) = next;
    }
    return made;
  }();
  return rule;
}

/// c_jn of T_j(mean_j + std_j z) in h_1 .. h_num_terms, a row per parameter.
MatrixXd hermite_coefficients(const Coordinates& at, const space::Transform& transform) {
  const HermiteRule& rule = hermite_rule();
  const VectorXd std = at.std();
  const MatrixXd x = (std * rule.z.transpose()).colwise() + at.mean;
  MatrixXd c = transform.to_physical(x) * rule.weights;
  for (Index j = 0; j < at.mean.size(); ++j) {
    const Sides sides = sides_of(transform.bounds(), j);
    if (sides.has_lower && sides.has_upper) {
      continue;
    }
    c.row(j).setZero();
    if (!sides.has_lower && !sides.has_upper) {
      c(j, 0) = std[j];
      continue;
    }
    // exp(s z) = exp(s^2/2) sum_n s^n / sqrt(n!) h_n(z); an upper bound has -exp(-x).
    const double sign = sides.has_lower ? 1.0 : -1.0;
    double term = sign * std::exp(sign * at.mean[j] + 0.5 * std[j] * std[j]);
    for (Index n = 0; n < num_terms; ++n) {
      term *= sign * std[j] / std::sqrt(static_cast<double>(n + 1));
      c(j, n) = term;
    }
  }
  return c;
}

}  // namespace

PhysicalMoments physical_moments(const Coordinates& at, const space::Transform& transform) {
  PhysicalMoments moments{.mean = at.mean, .std = at.std()};
  if (transform.is_identity()) {
    return moments;
  }
  const Quadrature rule = sinh_rule(at);
  const MatrixXd theta = transform.to_physical(rule.x);
  for (Index j = 0; j < at.mean.size(); ++j) {
    const Sides sides = sides_of(transform.bounds(), j);
    const double variance = moments.std[j] * moments.std[j];
    if (sides.has_lower && sides.has_upper) {
      moments.mean[j] = theta.row(j).dot(rule.weights.row(j));
      moments.std[j] = std::sqrt(
          (theta.row(j).array() - moments.mean[j]).square().matrix().dot(rule.weights.row(j)));
    } else if (sides.has_lower || sides.has_upper) {
      const double sign = sides.has_lower ? 1.0 : -1.0;
      const double limit =
          sides.has_lower ? transform.bounds().min()[j] : transform.bounds().max()[j];
      const double distance = std::exp(sign * at.mean[j] + 0.5 * variance);
      moments.mean[j] = limit + sign * distance;
      moments.std[j] = distance * std::sqrt(std::expm1(variance));
    }
  }
  return moments;
}

MatrixXd physical_covariance(const Coordinates& at, const Family& family,
                             const space::Transform& transform) {
  const VectorXd variance = physical_moments(at, transform).std.cwiseAbs2();
  if (!family.is_correlated()) {
    return variance.asDiagonal();
  }
  const MatrixXd correlation = family.correlation();
  MatrixXd covariance;
  if (transform.is_identity()) {
    const VectorXd std = at.std();
    covariance = std.asDiagonal() * correlation * std.asDiagonal();
  } else {
    const MatrixXd c = hermite_coefficients(at, transform);
    // Horner in R_jk: sum_n R^n c_n c_n^T, entry by entry.
    covariance = MatrixXd::Zero(at.mean.size(), at.mean.size());
    for (Index n = num_terms; n-- > 0;) {
      covariance = (covariance + c.col(n) * c.col(n).transpose()).cwiseProduct(correlation);
    }
  }
  covariance.diagonal() = variance;
  return covariance;
}

}  // namespace invar::vi
