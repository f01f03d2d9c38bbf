#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/method/state_reader.hpp"
#include "invar/regression/gaussian.hpp"
#include "invar/regression/prior_expectation.hpp"

namespace invar::regression {

/// A Levenberg-Marquardt search for the largest posterior density, a run with its Jacobian at a
/// time; its damping is a multiple of the prior's precision.
///
/// Source: Levenberg 1944; Marquardt 1963, doi:10.1137/0111030.
/// MPI:    Local.
class GaussNewton {
 public:
  explicit GaussNewton(Eigen::VectorXd first);

  /// The point to run next.
  [[nodiscard]] const Eigen::VectorXd& trial() const { return trial_; }

  /// Takes the run at the trial: residuals m and their Jacobian m x d with respect to x.
  void take(const PriorExpectation& prior, const Eigen::VectorXd& residuals,
            const Eigen::MatrixXd& jacobian);

  /// The run at the trial came to nothing: the next one is closer.
  void take_failure(const PriorExpectation& prior);

  /// The points that come next if the run at the trial is no better than the best one, and those
  /// after it neither; fewer than `most` where the search ends before.
  /// @pre has_point()
  [[nodiscard]] std::vector<Eigen::VectorXd> trials_if_rejected(const PriorExpectation& prior,
                                                                int most) const;

  [[nodiscard]] bool has_settled() const { return has_settled_; }
  [[nodiscard]] bool has_point() const { return jacobian_.size() > 0; }

  /// @param name  of the search: its values are called so, an underscore and what they are
  void write(method::State& state, const std::string& name) const;
  /// Shapes: trial d, Jacobian m x d.
  /// @throws Error(data)
  static GaussNewton read(const method::StateReader& in, const std::string& name,
                          Eigen::Index num_parameters, Eigen::Index num_residuals);

  /// At the best point: the log prior less half the misfit |r|^2, and that misfit.
  [[nodiscard]] double log_posterior() const { return -value_; }
  [[nodiscard]] double misfit() const { return residuals_.squaredNorm(); }

  /// N(x, (J^T J + P)^-1) at the best point.
  /// @pre has_point()
  [[nodiscard]] Gaussian laplace(const PriorExpectation& prior) const;

 private:
  void propose(const PriorExpectation& prior);

  Eigen::VectorXd trial_;
  Eigen::VectorXd x_, residuals_;
  Eigen::MatrixXd jacobian_;
  double value_ = 0.0;     // -log posterior density there, up to a constant
  double promised_ = 0.0;  // decrease at the trial
  double damping_ = 1.0;
  int num_runs_ = 0;
  bool has_settled_ = false;
};

}  // namespace invar::regression
