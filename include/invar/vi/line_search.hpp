#pragma once

#include <vector>

#include <Eigen/Core>

#include "invar/vi/directions.hpp"
#include "invar/vi/estimator.hpp"
#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// How good a state is, as far as a line search compares.
struct Merit {
  ElboEstimate elbo;
  double relative_mse = 0.0;
};

/// What a line search knows when it judges a candidate.
struct Comparison {
  const Merit& current;
  const Merit& candidate;
  const std::vector<double>& accepted_elbos;  // newest last
  double step_size = 0.0;
  double slope = 0.0;  // predicted increase per unit of step size
};

/// The rules of both line searches: step sizes, sample counts and acceptance.
///
/// Objective elbo, legacy: ELBO+ >= ELBO - (r - 1)|ELBO|.
/// Objective elbo, stochastic_nonmonotone: ELBO+ >= max(last W accepted ELBOs) +
///   a h max(p, 0) - kappa sqrt(se^2 + se+^2).
/// Objective mse: relative mse+ <= r relative mse.
/// A candidate that is NaN is rejected.
///
/// Source: run_vi of rom-tools, section 9.
/// MPI:    Local.
class LineSearch {
 public:
  /// @pre the options are valid
  explicit LineSearch(const RunViOptions& options);

  [[nodiscard]] double initial_step_size() const;
  [[nodiscard]] double grown(double step_size) const;
  [[nodiscard]] double shrunk(double step_size) const;

  /// max(2, ceil(sample_size growth^rejections)).
  [[nodiscard]] Eigen::Index num_samples(int sample_size, int rejections) const;

  /// How many accepted ELBOs it compares with.
  [[nodiscard]] std::size_t window() const;

  /// Whether so many rejections in a row end the search.
  [[nodiscard]] bool has_failed(int rejections) const;

  /// g_mean . v_mean + rho g_log_std . v_log_std.
  [[nodiscard]] double slope(const GradientEstimate& gradient, const Direction& direction) const;

  /// The coordinates after a step, log standard deviations not yet limited:
  /// mean + h v_mean, log_std + clip(h rho v_log_std, +-max_log_std_update).
  [[nodiscard]] Coordinates step(const Coordinates& from, const Direction& direction,
                                 double step_size) const;

  [[nodiscard]] bool accepts(const Comparison& comparison) const;

 private:
  LineSearchMethod method_;
  // Those of the stochastic search hold the legacy ones too.
  VIStochasticNonmonotoneLineSearchConfig rules_;
  double max_log_std_update_ = 0.5;
};

}  // namespace invar::vi
