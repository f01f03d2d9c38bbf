#include "invar/vi/target.hpp"

#include <cmath>
#include <utility>

#include "invar/core/error.hpp"
#include "invar/space/fingerprint.hpp"

namespace invar::vi {
namespace {

double scale_of(const RunViOptions& options, const Eigen::VectorXd& variances) {
  if (const double* number = std::get_if<double>(&options.elbo_scaling_factor)) {
    return *number;
  }
  return std::get<ElboScaling>(options.elbo_scaling_factor) == ElboScaling::diag_mean
             ? variances.mean()
             : variances.sum();
}

bool is_clip(const RunViOptions& options) {
  return options.bounded_parameter_handling == BoundedParameterHandling::clip;
}

}  // namespace

Target::Target(const space::Space& space, const space::Observations& observations,
               const RunViOptions& options)
    : prior_(space.prior),
      observations_(observations.values),
      likelihood_(observations, options.covariance_regularization),
      transform_(is_clip(options) ? space::Bounds::none(space.dimension()) : space.bounds,
                 options.transform_map, options.transform_interior_margin),
      scale_(scale_of(options, observations.noise.variances())),
      min_std_fraction_(options.min_physical_variational_std_fraction),
      fingerprint_(
          space::fingerprint(space.prior, observations, options.covariance_regularization)) {
  INVAR_EXPECTS(space.bounds.min().size() == space.dimension());
  if (is_clip(options) && space.bounds.has_any()) {
    clip_ = space.bounds;
  }
}

Points Target::place(Eigen::MatrixXd x) const {
  if (clip_) {
    x = clip_->clip(x);
  }
  Eigen::MatrixXd physical = transform_.is_identity() ? x : transform_.to_physical(x);
  return {.x = std::move(x), .physical = std::move(physical)};
}

LogDensities Target::log_densities(const Points& points, const Eigen::MatrixXd& qois) const {
  return {.log_likelihood = likelihood_.log_likelihood(qois),
          .log_prior = prior_.log_density(points.physical),
          .log_jacobian = transform_.log_jacobian(points.x)};
}

double Target::relative_mse(const Eigen::MatrixXd& qois) const {
  const double mean_square = observations_.squaredNorm() / static_cast<double>(num_qois());
  return (qois.colwise() - observations_).squaredNorm() / static_cast<double>(qois.size()) /
         (mean_square + 1e-16);
}

void Target::limit_spread(Coordinates& at, const StdLimits& limits) const {
  at.log_std = at.log_std.cwiseMax(std::log(limits.min)).cwiseMin(std::log(limits.max));
  if (min_std_fraction_ > 0.0 && !transform_.is_identity()) {
    at.log_std = at.std()
                     .cwiseMax(transform_.minimum_std(at.mean, min_std_fraction_))
                     .cwiseMax(limits.min)
                     .cwiseMin(limits.max)
                     .array()
                     .log();
  }
}

}  // namespace invar::vi
