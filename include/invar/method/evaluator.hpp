#pragma once

#include <functional>
#include <vector>

#include "invar/method/evaluation.hpp"

namespace invar::method {

/// Points that may be asked for soon, for groups of ranks that would be idle.
struct Offer {
  Batch batch = {};                        // most likely first
  std::vector<Eigen::Index> samples = {};  // those of them that are worth a run
  /// Gets what came of a run that nobody has asked for.
  std::function<void(const Question&, const Evaluation&)> sink = {};
};

/// Runs the model at the points of a batch.
///
/// MPI: Manager only; implementations hand the work to groups of ranks.
class Evaluator {
 public:
  /// Called once per finished evaluation, in order of arrival: the sample's index in the batch.
  using Sink = std::function<void(Eigen::Index sample, Evaluation evaluation)>;

  Evaluator() = default;
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;
  Evaluator(Evaluator&&) = delete;
  Evaluator& operator=(Evaluator&&) = delete;
  virtual ~Evaluator() = default;

  /// Evaluates the given samples of the batch and returns when all have been handed to the sink.
  ///
  /// Failure: a failed run is an `Evaluation` with its status. When a stop was asked for, or all
  ///          groups are lost, it returns with some samples never handed over.
  virtual void evaluate(const Batch& batch, const std::vector<Eigen::Index>& samples,
                        const Sink& sink) = 0;

  /// Whether an offer would be of use: somebody may be idle for long enough.
  [[nodiscard]] virtual bool runs_ahead() const { return false; }

  /// Offers points to those who are idle while a batch is evaluated, in place of what was offered
  /// before. Never at the cost of what is asked; `evaluate` does not wait for such a run, which
  /// goes on and is handed to the offer's sink by a later `evaluate` or `settle`. When its point is
  /// asked for meanwhile it is waited for and, when it is good, handed to that batch instead.
  ///
  /// Failure: a run that failed is handed to the offer's sink and not repeated; when its point is
  ///          asked for, it is run as if it never had been.
  virtual void offer(const Offer& /*offer*/) {}

  /// Waits for the runs that nobody has asked for, as far as there is time.
  virtual void settle() {}

  /// How many groups are at work on them.
  [[nodiscard]] virtual int num_running_ahead() const { return 0; }

  /// How long runs took before, in seconds, oldest first; for those who plan with it.
  virtual void learn(const std::vector<double>& /*run_times*/) {}

  /// Sets what is called some ten times a second while it waits for the model, if it can.
  virtual void set_on_idle(const std::function<void()>& /*on_idle*/) {}

  /// Whether anybody is left who can run the model.
  [[nodiscard]] virtual bool can_go_on() const { return true; }
};

}  // namespace invar::method
