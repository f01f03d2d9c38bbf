#pragma once

#include <cstdint>

#include <Eigen/Core>

#include "invar/regression/gaussian.hpp"
#include "invar/regression/prior_expectation.hpp"
#include "invar/regression/runs.hpp"
#include "invar/regression/surrogate.hpp"

namespace invar::regression {

/// The posterior that fits stand for: of any shape that quadratic residuals can have, for no run.
///
/// It is nowhere larger than the density that the runs were drawn from times the sum of their
/// weights: where no run has been the fits know nothing, and a single run there would outweigh all.
///
/// Shapes: d parameters, n runs; x d x k are coordinates of the method.
/// MPI:    Local.
class SurrogatePosterior {
 public:
  /// Points whose weighted means are those of the distribution.
  struct Draws {
    Eigen::MatrixXd x;        // d x k; k = 0 where each would cost too much
    Eigen::VectorXd weights;  // k, sum 1
  };

  /// Whether draws may be cheap enough, as far as can be said before there is a fit: where they
  /// are not, `draws` gives none and no fit is needed for them.
  [[nodiscard]] static bool may_draw(const Runs& runs);

  /// @param fitted  seen from `base`
  /// @param runs    that it was made from; both must live as long as this
  SurrogatePosterior(Surrogate fitted, Gaussian base, const PriorExpectation& prior,
                     const Runs& runs);

  /// log prior + log-likelihood, the latter without its constant.
  [[nodiscard]] Eigen::VectorXd log_density(const Eigen::MatrixXd& x) const;

  /// Those of the runs (sum 1), of which each counts with the fit that was made without it.
  [[nodiscard]] Eigen::VectorXd weights_of_runs() const;

  /// Draws from Gaussians that learn its moments, the first being `base`.
  ///
  /// Source: adaptive multiple importance sampling; Cornuet, Marin, Mira & Robert 2012,
  ///         doi:10.1111/j.1467-9469.2011.00756.x.
  [[nodiscard]] Draws draws(std::uint64_t seed) const;

 private:
  [[nodiscard]] Eigen::VectorXd fitted_log_density(const Eigen::MatrixXd& x) const;

  Surrogate fitted_;
  Gaussian base_;
  const PriorExpectation& prior_;
  const Runs& runs_;
  double log_limit_;  // of the density over that of the runs
};

/// Mean and covariance of the posterior, by runs with weights and by draws of a surrogate.
struct CorrectedMoments {
  Eigen::VectorXd mean;        // d
  Eigen::MatrixXd covariance;  // d x d
  /// The largest standard error of a mean, in standard deviations, and of a standard deviation,
  /// relative to it.
  double error = 0.0;
  double share = 0.0;  // in [0, 1], of the surrogate's part
};

/// The weighted means of the runs, with the surrogate as a control variate: the same means by its
/// densities at the runs are taken off, those of its draws are added, both times the share that
/// leaves the smallest variance, one for all moments.
///
/// Source: Owen & Zhou 2000, Safe and effective importance sampling,
///         doi:10.1080/01621459.2000.10473909.
/// Shapes: runs d x n with two sets of weights n (of sum 1): as draws of the posterior and of the
///         surrogate; draws d x k with weights k (sum 1), or none.
/// MPI:    Local.
CorrectedMoments corrected_moments(const Eigen::MatrixXd& runs, const Eigen::VectorXd& weights,
                                   const Eigen::VectorXd& surrogate_weights,
                                   const Eigen::MatrixXd& draws,
                                   const Eigen::VectorXd& draw_weights);

}  // namespace invar::regression
