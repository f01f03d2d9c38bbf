#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/method/method.hpp"
#include "invar/regression/gaussian.hpp"
#include "invar/regression/regression_vi_options.hpp"
#include "invar/space/space.hpp"
#include "invar/space/transform.hpp"

namespace invar::regression {

/// Runs of another campaign of the same model, with what they were drawn from: for
/// `RegressionVi::reuse`.
///
/// Prior, data, noise, bounds and transform of that campaign may have been others.
///
/// Shapes: d parameters, m QoIs, a column per good run.
struct EarlierRuns {
  struct Batch {
    std::int64_t stream = 0;  // of random numbers; streams up to this one are not used again
    Gaussian drawn_from;      // in the coordinates of that campaign
    double num_drawn = 0.0;   // the good runs and those that came to nothing
    Eigen::MatrixXd x;        // d x n, in the same coordinates
    Eigen::MatrixXd qois;     // m x n
    /// Of the QoIs with respect to the parameters, m x d each; as many as runs, empty where one
    /// came without, or none.
    std::vector<Eigen::MatrixXd> jacobians = {};
  };

  std::string origin;          // where they are from, for people; empty: nothing to tell them
  space::Transform transform;  // from those coordinates to the parameters
  std::vector<Batch> batches;

  [[nodiscard]] Eigen::Index num_runs() const;

  /// As named values, complete; `from_state` undoes it.
  [[nodiscard]] method::State to_state() const;
  /// @throws Error(data)  when it is no such state
  static EarlierRuns from_state(const method::State& state);
};

/// The runs of a campaign of `regression_vi`, but for those of Gauss-Newton searches, which were
/// not drawn from a density, and those of rounds that are missing in the record.
///
/// MPI: Local.
/// @param state    of that campaign
/// @param rounds   the outcomes of the rounds before
/// @param space    of that campaign, like the options
/// @throws Error(data)  when the state is of another method or does not fit
EarlierRuns earlier_runs(const method::State& state, const method::RecordedRounds& rounds,
                         const space::Space& space, const RegressionViOptions& options);

/// Takes the batches out of `later` that `known` has already, to the bit: campaigns that reuse a
/// campaign each bring its runs along.
/// @return how many runs were taken out
Eigen::Index leave_out_known(EarlierRuns& later, const std::vector<EarlierRuns>& known);

/// Whether an outcome is one to learn from.
bool is_good(const method::Evaluation& evaluation, Eigen::Index num_qois);

}  // namespace invar::regression
