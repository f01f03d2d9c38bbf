#include "invar/vi/start.hpp"

#include <cmath>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/linalg/cholesky.hpp"
#include "vi/meaning.hpp"

namespace invar::vi {
namespace {

constexpr double first_jitter = 1e-12;

const char* family_name(bool is_correlated) {
  return is_correlated ? "multivariate" : "diagonal";
}

void require_same_family(bool is_correlated, Eigen::Index dimension, const space::Space& space) {
  const bool is_expected = space.prior.family() == space::GaussianFamily::multivariate;
  if (dimension != space.dimension()) {
    throw Error(ErrorKind::config, fmt::format("initial: expected {} parameters, found {}",
                                               space.dimension(), dimension));
  }
  if (is_correlated != is_expected) {
    throw Error(ErrorKind::config,
                fmt::format("initial: expected the family of the prior, {}, found {}; give both a "
                            "covariance or neither",
                            family_name(is_expected), family_name(is_correlated)));
  }
}

/// R = C_jk / (std_j std_k), symmetric with unit diagonal, factored.
Eigen::MatrixXd correlation_factor(const Eigen::MatrixXd& covariance, const Eigen::VectorXd& std,
                                   std::vector<std::string>& warnings) {
  if (std.size() == 1) {
    return Eigen::MatrixXd::Ones(1, 1);
  }
  const Eigen::VectorXd inverse = std.cwiseInverse();
  Eigen::MatrixXd correlation = inverse.asDiagonal() * covariance * inverse.asDiagonal();
  correlation = 0.5 * (correlation + correlation.transpose()).eval();
  correlation.diagonal().setOnes();
  linalg::JitteredCholesky factor = linalg::jittered_cholesky(correlation, first_jitter);
  if (factor.jitter > 1.5 * first_jitter) {
    warnings.push_back(
        fmt::format("the initial correlation matrix is nearly singular: {:g} was added to its "
                    "diagonal",
                    factor.jitter));
  }
  return factor.lower;
}

InitialState from_physical(const space::Prior& start, const space::Space& space,
                           const Target& target, const StdLimits& limits) {
  const bool is_correlated = start.family() == space::GaussianFamily::multivariate;
  require_same_family(is_correlated, start.dimension(), space);
  for (Eigen::Index j = 0; j < start.dimension(); ++j) {
    const double lower = space.bounds.min()[j];
    const double upper = space.bounds.max()[j];
    if (start.mean()[j] < lower || start.mean()[j] > upper) {
      throw Error(
          ErrorKind::config,
          fmt::format("initial: expected a mean inside the bounds [{}, {}] of `{}`, "
                      "found {}",
                      lower, upper, space.names[static_cast<std::size_t>(j)], start.mean()[j]));
    }
  }
  const space::Transform& transform = target.transform();
  Coordinates at{.mean = transform.to_optimizer(start.mean()), .log_std = {}};
  const Eigen::ArrayXd slope = transform.jacobian(at.mean).array();
  const Eigen::ArrayXd inverse = (slope.abs() > 1e-15).select(slope.inverse(), 0.0);
  const Eigen::VectorXd std =
      (start.std().array() * inverse).cwiseMax(limits.min).cwiseMin(limits.max);
  at.log_std = std.array().log();

  InitialState initial{
      .family = Family::diagonal(start.dimension()), .coordinates = at, .warnings = {}};
  if (is_correlated) {
    const Eigen::MatrixXd covariance =
        inverse.matrix().asDiagonal() * start.covariance() * inverse.matrix().asDiagonal();
    initial.family = Family::correlated(correlation_factor(covariance, std, initial.warnings));
  }
  target.limit_spread(initial.coordinates, limits);
  return initial;
}

InitialState from_optimizer(const OptimizerStart& start, const space::Space& space,
                            const Target& target, const StdLimits& limits) {
  const Coordinates& at = start.coordinates;
  const bool is_correlated = start.correlation_cholesky.size() > 0;
  require_same_family(is_correlated, at.mean.size(), space);
  if (at.log_std.size() != at.mean.size() || !at.mean.allFinite() || !at.log_std.allFinite() ||
      (is_correlated && start.correlation_cholesky.rows() != at.mean.size())) {
    throw Error(ErrorKind::data,
                "initial: expected finite means, as many log standard deviations "
                "and a correlation factor of that size");
  }
  InitialState initial{.family = is_correlated ? Family::correlated(start.correlation_cholesky)
                                               : Family::diagonal(at.mean.size()),
                       .coordinates = at,
                       .warnings = {}};
  target.limit_spread(initial.coordinates, limits);
  return initial;
}

}  // namespace

InitialState initial_state(const Start& start, const space::Space& space, const Target& target,
                           const StdLimits& limits) {
  if (const auto* physical = std::get_if<space::Prior>(&start)) {
    return from_physical(*physical, space, target, limits);
  }
  return from_optimizer(std::get<OptimizerStart>(start), space, target, limits);
}

OptimizerStart branch_start(const method::State& state, const space::Space& space,
                            const RunViOptions& options) {
  require_same_meaning(state, space, options, ErrorKind::config);
  OptimizerStart start{.coordinates = {.mean = state.get<Eigen::VectorXd>("mean"),
                                       .log_std = state.get<Eigen::VectorXd>("log_std")},
                       .correlation_cholesky = {}};
  if (state.has("correlation_cholesky")) {
    start.correlation_cholesky = state.get<Eigen::MatrixXd>("correlation_cholesky");
  }
  return start;
}

}  // namespace invar::vi
