#include "campaign/workforce.hpp"

#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "invar/evaluation/in_place_evaluator.hpp"
#include "invar/evaluation/pool_evaluator.hpp"
#include "invar/evaluation/setup.hpp"
#include "invar/parallel/agree.hpp"

namespace invar::campaign {
namespace {

/// How long groups that are still at work may take to leave at the end, in seconds.
constexpr double patience_s = 5.0;
/// The same when there is no time left.
constexpr double patience_at_the_end_s = 1.0;

}  // namespace

Outcome run_with_workforce(const parallel::Groups& groups, const Study& study,
                           parallel::StopControl& stop, const ManagerWork& work) {
  const parallel::Comm& all = groups.all();
  const auto model = evaluation::make_model(
      groups, study.make_model,
      {.num_parameters = study.space.dimension(), .num_qois = study.observations.values.size()});
  const int most_at_once = evaluation::most_at_once(groups, model.get());
  const core::Capabilities can = evaluation::capabilities(groups, model.get());

  std::unique_ptr<method::Evaluator> evaluator;
  evaluation::PoolEvaluator* pool = nullptr;
  parallel::agree(all, [&] {
    if (!groups.is_manager()) {
      return;
    }
    if (all.size() == 1) {
      evaluator =
          std::make_unique<evaluation::InPlaceEvaluator>(groups, *model, study.evaluation, stop);
    } else {
      auto owned =
          std::make_unique<evaluation::PoolEvaluator>(groups, study.evaluation, stop, most_at_once);
      pool = owned.get();
      evaluator = std::move(owned);
    }
    work.prepare(*evaluator, can);
  });

  int exit_code = 0;
  std::exception_ptr failure;
  if (groups.is_manager()) {
    try {
      exit_code = work.body(*evaluator);
    } catch (...) {
      failure = std::current_exception();
    }
    if (pool != nullptr) {
      const bool has_runs_ahead = !failure && pool->num_running_ahead() > 0;
      pool->shut_down(stop.is_due()    ? patience_at_the_end_s
                      : has_runs_ahead ? patience_with_runs_ahead_s
                                       : patience_s);
      if (pool->must_abort()) {
        // The others cannot be waited for; MPI still reads the buffers of what was sent to them.
        std::ignore = evaluator.release();
        if (failure) {
          std::rethrow_exception(failure);
        }
        return {.exit_code = exit_code, .must_abort = true};
      }
    }
  } else {
    evaluation::serve_model(groups, model.get());
  }
  parallel::agree_on(all, failure);
  std::string code = std::to_string(exit_code);
  parallel::broadcast(all, code);
  return {.exit_code = std::stoi(code)};
}

}  // namespace invar::campaign
