#include "invar/evaluation/in_place_evaluator.hpp"

#include <utility>

#include "evaluation/run_model.hpp"
#include "evaluation/task_queue.hpp"
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
  TaskQueue queue(samples.size());
  std::vector<model::ModelRequest> requests;
  while (!queue.is_empty()) {
    if (stop_->is_wanted() || !run_times_.would_likely_finish(stop_->seconds_left())) {
      return;
    }
    const std::vector<std::size_t> tasks =
        queue.take_several(static_cast<std::size_t>(model_->most_at_once()), 0, false);
    requests.clear();
    for (const std::size_t task : tasks) {
      requests.push_back(request_for(batch, samples[task]));
    }
    ModelRun run = run_model(*model_, requests, groups_->team());
    run_times_.add(run.wall_seconds);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (run.results[i].status == Status::cancelled) {
        return;  // the stop was due in the middle of it
      }
      if (queue.attempts(tasks[i]) <= num_retries(run, i, options_.retries)) {
        queue.repeat(tasks[i]);
        continue;
      }
      auto evaluation = to_evaluation(std::move(run.results[i]), run.wall_seconds);
      evaluation.attempts = queue.attempts(tasks[i]);
      evaluation.host = groups_->host_of_group(0);
      sink(samples[tasks[i]], std::move(evaluation));
    }
  }
}

void InPlaceEvaluator::learn(const std::vector<double>& run_times) {
  run_times_.add(run_times);
}

}  // namespace invar::evaluation
