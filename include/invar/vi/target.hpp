#pragma once

#include <cstdint>
#include <optional>

#include <Eigen/Core>

#include "invar/space/observations.hpp"
#include "invar/space/space.hpp"
#include "invar/vi/family.hpp"
#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// Samples in both coordinates, a column each.
struct Points {
  Eigen::MatrixXd x;         // d x N, optimizer coordinates, in which the scores are taken
  Eigen::MatrixXd physical;  // d x N, what the model is run at
};

/// The parts of the log target at each sample, not scaled.
struct LogDensities {
  Eigen::VectorXd log_likelihood;  // N
  Eigen::VectorXd log_prior;       // N
  Eigen::VectorXd log_jacobian;    // N

  [[nodiscard]] Eigen::VectorXd sum() const { return log_likelihood + log_prior + log_jacobian; }
};

/// Limits of the standard deviations in optimizer coordinates.
struct StdLimits {
  double min = 1e-6;
  double max = 1e6;
};

/// The density that is fitted: f(x) = c (log likelihood + log prior + log |dT/dx|), and how bounds
/// are treated.
///
/// Source: run_vi of rom-tools, sections 4, 5 and 7. Deviation: `transform` where no parameter has
///         a bound is the identity; a bound may be missing on either side.
/// Shapes: d parameters, m observations.
/// MPI:    Local.
class Target {
 public:
  /// @pre the options are valid
  Target(const space::Space& space, const space::Observations& observations,
         const RunViOptions& options);

  [[nodiscard]] Eigen::Index dimension() const { return prior_.dimension(); }
  [[nodiscard]] Eigen::Index num_qois() const { return observations_.size(); }

  /// c, the `elbo_scaling_factor` as a number.
  /// An ELBO in nats with all its constants: value / c plus that of the likelihood.
  [[nodiscard]] double normalised(double elbo) const {
    return elbo / scale() + likelihood_.log_normalisation();
  }

  [[nodiscard]] double scale() const { return scale_; }

  /// A hash of prior, observations and noise, bit for bit.
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

  /// T; the identity in clip mode.
  [[nodiscard]] const space::Transform& transform() const { return transform_; }

  /// The physical points of x. In clip mode x itself is cut, so that scores are taken where the
  /// model was run.
  [[nodiscard]] Points place(Eigen::MatrixXd x) const;

  /// Shapes: qois m x N.
  [[nodiscard]] LogDensities log_densities(const Points& points, const Eigen::MatrixXd& qois) const;

  /// The mean over samples of mean_k (y_k - q_k)^2 / (mean_k y_k^2 + 1e-16).
  [[nodiscard]] double relative_mse(const Eigen::MatrixXd& qois) const;

  /// Cuts the standard deviations to the limits, then widens them to the least physical spread at
  /// this mean (`min_physical_variational_std_fraction`).
  void limit_spread(Coordinates& at, const StdLimits& limits) const;

 private:
  space::Prior prior_;
  Eigen::VectorXd observations_;
  space::Likelihood likelihood_;
  space::Transform transform_;
  std::optional<space::Bounds> clip_;  // where samples are cut
  double scale_ = 1.0;
  double min_std_fraction_ = 0.0;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace invar::vi
