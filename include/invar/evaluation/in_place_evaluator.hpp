#pragma once

#include <string>

#include "invar/evaluation/options.hpp"
#include "invar/method/evaluator.hpp"
#include "invar/model/model.hpp"
#include "invar/parallel/groups.hpp"
#include "invar/parallel/stop_flag.hpp"

namespace invar::evaluation {

/// Runs the model on the only rank there is.
///
/// MPI: Manager only, of a job of one rank.
class InPlaceEvaluator : public method::Evaluator {
 public:
  /// Lifetime: groups, model and stop must outlive it.
  /// @throws Error(config)  when a timeout is asked for: nobody is there to enforce it
  InPlaceEvaluator(const parallel::Groups& groups, model::Model& model,
                   const EvaluationOptions& options, const parallel::StopFlag& stop);

  /// As `Evaluator::evaluate`; the stop flag is looked at before every run of the model.
  void evaluate(const method::Batch& batch, const std::vector<Eigen::Index>& samples,
                const Sink& sink) override;

 private:
  const parallel::Groups* groups_;
  model::Model* model_;
  EvaluationOptions options_;
  const parallel::StopFlag* stop_;
};

}  // namespace invar::evaluation
