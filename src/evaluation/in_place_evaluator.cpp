#include "invar/evaluation/in_place_evaluator.hpp"

#include <utility>

#include "evaluation/run_model.hpp"
#include "invar/core/error.hpp"

namespace invar::evaluation {

InPlaceEvaluator::InPlaceEvaluator(const parallel::Groups& groups, model::Model& model,
                                   const EvaluationOptions& options,
                                   const parallel::StopControl& stop)
    : groups_(&groups), model_(&model), options_(options), stop_(&stop) {
  INVAR_EXPECTS(groups.plan().num_ranks == 1);
  if (options.timeout_s) {
    throw Error(ErrorKind::config,
                "evaluation.timeout_s: cannot be enforced on one rank, where the model runs in "
                "place; start two ranks or more (mpirun -n 2), give the model a process of its own "
                "(model.isolation: process), or leave it out");
  }
}

void InPlaceEvaluator::evaluate(const method::Batch& batch,
                                const std::vector<Eigen::Index>& samples, const Sink& sink) {
  for (const Eigen::Index sample : samples) {
    const Eigen::VectorXd parameters = batch.points.col(sample);
    method::Evaluation evaluation;
    int attempts = 0;
    do {
      if (stop_->is_wanted() || !run_times_.would_likely_finish(stop_->seconds_left())) {
        return;
      }
      evaluation = run_model(*model_, {parameters, batch.first_id + sample}, groups_->team());
      if (evaluation.status == method::Status::cancelled) {
        return;  // the stop was due in the middle of it
      }
      run_times_.add(evaluation.wall_seconds);
      ++attempts;
    } while (evaluation.status != method::Status::ok && attempts <= options_.retries);
    evaluation.attempts = attempts;
    evaluation.host = groups_->host_of_group(0);
    sink(sample, std::move(evaluation));
  }
}

void InPlaceEvaluator::learn(const std::vector<double>& run_times) {
  run_times_.add(run_times);
}

}  // namespace invar::evaluation
