#pragma once

#include <optional>

#include <Eigen/Core>

#include "invar/regression/gaussian.hpp"
#include "invar/regression/prior_expectation.hpp"
#include "invar/regression/quadratic_map.hpp"

namespace invar::regression {

/// The ELBO of Gaussians near `base`, with what was fitted in place of the model.
///
/// MPI: Local.
struct Objective {
  const PriorExpectation& prior;
  Gaussian base;                           // the fits are in its coordinates z
  QuadraticMap residuals;                  // whitened residuals r(z)
  std::optional<QuadraticMap> correction;  // of the log-likelihood -|r|^2 / 2

  /// The expected log joint density of N(mean, L L^T) in z; without the likelihood's constant.
  [[nodiscard]] Expectation log_joint(const Gaussian& local) const;

  /// The ELBO from that.
  [[nodiscard]] double elbo(const Gaussian& local, const Expectation& log_joint) const;
};

/// Which Gaussians are allowed.
enum class Family { full, mean_field };

/// Where an ascent came to, in the coordinates of the objective's base.
struct Ascent {
  Gaussian local;
  double elbo = 0.0;
  double gain = 0.0;        // elbo less that of the base
  double distance = 0.0;    // KL(local || base), nats
  bool is_limited = false;  // by the trust region
};

/// Natural-gradient ascent of the objective from its base, within KL(q || base) <= radius: steps
/// of precision (1-s) P + s T with T = -E[Hessian], and mean + s P^-1 g, s halved until the
/// objective grows. A mean-field family takes the diagonal of T for P, and all of it for the mean.
///
/// T is kept positive definite: eigenvalues relative to the prior's precision are at least 0.1.
///
/// Source: Khan & Rue 2023, The Bayesian learning rule, JMLR 24(281), section 4.
/// MPI:    Local.
Ascent ascend(const Objective& objective, Family family, double radius);

}  // namespace invar::regression
