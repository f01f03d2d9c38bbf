#pragma once

#include <memory>
#include <vector>

#include <Eigen/Core>

#include "invar/regression/coordinate_change.hpp"
#include "invar/regression/gaussian.hpp"

namespace invar::regression {

/// What runs were drawn from: a Gaussian, in the coordinates of the runs or in others.
struct Proposal {
  Gaussian gaussian;
  std::shared_ptr<const CoordinateChange> change = {};  // none: the same coordinates

  /// At every column, in the coordinates of the runs.
  [[nodiscard]] Eigen::VectorXd log_density(const Eigen::MatrixXd& x) const {
    return change ? change->log_density(gaussian, x) : gaussian.log_density(x);
  }
};

/// Good runs of the model and the densities that they were drawn from.
///
/// Shapes: d parameters, m whitened residuals, n runs.
/// MPI:    Local.
class Runs {
 public:
  Runs(Eigen::Index num_parameters, Eigen::Index num_residuals);

  /// Adds a batch.
  ///
  /// @param num_drawn  from the proposal: the good runs and those that came to nothing
  /// @param jacobians  of the residuals with respect to x, m x d each; as many as columns,
  ///                   empty where a run came without, or none
  void add(const Proposal& drawn_from, double num_drawn, const Eigen::MatrixXd& x,
           const Eigen::MatrixXd& residuals, std::vector<Eigen::MatrixXd> jacobians);
  void add(const Gaussian& drawn_from, double num_drawn, const Eigen::MatrixXd& x,
           const Eigen::MatrixXd& residuals, std::vector<Eigen::MatrixXd> jacobians);

  [[nodiscard]] Eigen::Index size() const { return num_runs_; }
  [[nodiscard]] auto x() const { return x_.leftCols(num_runs_); }                  // d x n
  [[nodiscard]] auto residuals() const { return residuals_.leftCols(num_runs_); }  // m x n
  [[nodiscard]] Eigen::VectorXd log_likelihoods() const;                           // -|r|^2 / 2
  /// Of a run; empty where it came without.
  [[nodiscard]] const Eigen::MatrixXd& jacobian(Eigen::Index run) const {
    return jacobians_[static_cast<std::size_t>(run)];
  }
  /// Whether any run came with one.
  [[nodiscard]] bool has_jacobians() const { return has_jacobians_; }
  [[nodiscard]] const std::vector<Proposal>& proposals() const { return proposals_; }
  /// From each proposal: the good runs and those that came to nothing.
  [[nodiscard]] const std::vector<double>& num_drawn() const { return num_drawn_; }

  /// log q of every run less the log density of the mixture of all proposals at it: the balance
  /// heuristic.
  ///
  /// Source: Veach & Guibas 1995, doi:10.1145/218380.218498.
  /// Cost:   O(n d^2); the proposals' densities are kept.
  [[nodiscard]] Eigen::VectorXd log_weights(const Gaussian& q) const;

  /// The log density of the mixture at every run.
  [[nodiscard]] Eigen::VectorXd log_mixture() const;
  /// The same at any points, d x k.
  [[nodiscard]] Eigen::VectorXd log_mixture(const Eigen::MatrixXd& x) const;

 private:
  /// log sum_b n_b q_b at every column.
  [[nodiscard]] Eigen::VectorXd log_sum_of_proposals(const Eigen::MatrixXd& x) const;
  [[nodiscard]] double log_num_drawn() const;  // of all of them

  Eigen::Index num_runs_ = 0;
  bool has_jacobians_ = false;
  Eigen::MatrixXd x_, residuals_;  // with room for more
  std::vector<Eigen::MatrixXd> jacobians_;
  std::vector<Proposal> proposals_;
  std::vector<double> num_drawn_;
  Eigen::VectorXd log_mixture_;  // log sum_b n_b q_b at every run
};

/// (sum w)^2 / sum w^2 of weights with these logarithms.
double effective_sample_size(const Eigen::VectorXd& log_weights);

}  // namespace invar::regression
