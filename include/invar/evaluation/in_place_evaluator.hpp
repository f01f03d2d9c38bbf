#pragma once

#include <string>

#include "invar/evaluation/options.hpp"
#include "invar/evaluation/run_times.hpp"
#include "invar/method/evaluator.hpp"
#include "invar/model/model.hpp"
#include "invar/parallel/groups.hpp"
#include "invar/parallel/stop_control.hpp"

namespace invar::evaluation {

/// Runs the model on the only rank there is.
///
/// MPI: Manager only, of a job of one rank.
class InPlaceEvaluator : public method::Evaluator {
 public:
  /// Lifetime: groups, model and stop must outlive it.
  /// @throws Error(config)  when a timeout is asked for: nobody is there to enforce it
  InPlaceEvaluator(const parallel::Groups& groups, model::Model& model,
                   const EvaluationOptions& options, const parallel::StopControl& stop);

  /// As `Evaluator::evaluate`; nothing is started once a stop is wanted, or when it would
  /// hardly finish before the end (as `PoolEvaluator`). A run at work cannot be left.
  void evaluate(const method::Batch& batch, const std::vector<Eigen::Index>& samples,
                const Sink& sink) override;

  void learn(const std::vector<double>& run_times) override;

 private:
  const parallel::Groups* groups_;
  model::Model* model_;
  EvaluationOptions options_;
  const parallel::StopControl* stop_;
  RunTimes run_times_;
};

}  // namespace invar::evaluation
