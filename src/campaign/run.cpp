// The main loop of a campaign. Read this first: everything else serves one of its lines.
#include "invar/campaign/run.hpp"

#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "invar/evaluation/failure_policy.hpp"
#include "invar/store/campaign_store.hpp"

namespace invar::campaign {
namespace {

using method::Batch;
using method::BatchResult;
using method::Evaluation;
using method::StopReason;

struct Evaluated {
  BatchResult result;
  std::int64_t num_recorded = 0;  // answered from the record, not by the model
  bool is_complete = true;
};

/// Whoever would be idle meanwhile may run what is asked next. It is put on record beside the
/// evaluations, and counts once `begin_batch` is asked for that very point.
void offer_what_may_come_next(const Parts& parts) {
  if (parts.evaluator.runs_ahead()) {
    method::Offer offer{.batch = parts.method.ahead(),
                        .sink = [&store = parts.store](const auto& question, const auto& found) {
                          store.record_ahead(question, found);
                        }};
    offer.samples = parts.store.samples_to_run_ahead(offer.batch);
    parts.evaluator.offer(offer);
  }
}

/// The outcomes of a batch, in index order: what is on record first, then the model's answers,
/// each recorded before anybody else sees it.
Evaluated evaluate(const Batch& batch, const Parts& parts) {
  std::vector<std::optional<Evaluation>> answers = parts.store.begin_batch(batch);
  std::vector<Eigen::Index> missing;
  for (Eigen::Index i = 0; i < batch.points.cols(); ++i) {
    if (!answers[static_cast<std::size_t>(i)]) {
      missing.push_back(i);
    }
  }
  const auto num_recorded = batch.points.cols() - static_cast<std::int64_t>(missing.size());
  for (method::Observer* observer : parts.observers) {
    observer->on_batch(batch, num_recorded);
  }
  if (!missing.empty()) {
    offer_what_may_come_next(parts);
    parts.evaluator.evaluate(batch, missing, [&](Eigen::Index sample, Evaluation evaluation) {
      parts.store.record(batch, sample, evaluation);
      for (method::Observer* observer : parts.observers) {
        observer->on_evaluation(batch, sample, evaluation);
      }
      answers[static_cast<std::size_t>(sample)] = std::move(evaluation);
    });
  }
  Evaluated evaluated;
  evaluated.num_recorded = num_recorded;
  for (std::optional<Evaluation>& answer : answers) {
    if (!answer) {
      evaluated.is_complete = false;
      return evaluated;
    }
    evaluated.result.evaluations.push_back(std::move(*answer));
  }
  return evaluated;
}

std::string why_unfinished(const Parts& parts) {
  const std::string reason = parts.reason_to_stop();
  return reason.empty() ? "too little time is left for another run" : reason;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

LoopResult run(const Parts& parts) {
  method::Method& method = parts.method;
  while (method.stop_reason() == StopReason::none) {
    if (const std::string reason = parts.reason_to_stop(); !reason.empty()) {
      return {StopReason::stopped_early, reason};
    }
    const auto start = std::chrono::steady_clock::now();
    const Batch batch = method.ask();
    const Evaluated evaluated = evaluate(batch, parts);
    if (!evaluated.is_complete) {
      return parts.evaluator.can_go_on()
                 ? LoopResult{StopReason::stopped_early, why_unfinished(parts)}
                 : LoopResult{StopReason::groups_lost, "every group of ranks missed the timeout"};
    }
    // What the method was told once is not judged again, by other limits.
    const auto verdict = parts.store.is_told(batch.round)
                             ? evaluation::FailureVerdict{}
                             : evaluation::judge_failures(parts.evaluation, evaluated.result);
    if (verdict.must_end) {
      return {StopReason::too_many_failures, verdict.message};
    }
    method.tell(evaluated.result);
    const method::RoundDiagnostics diagnostics = method.diagnostics();
    parts.store.commit(batch.round, diagnostics, seconds_since(start), method);
    for (method::Observer* observer : parts.observers) {
      observer->on_round({batch, evaluated.result, diagnostics, evaluated.num_recorded});
    }
  }
  if (!parts.store.is_replayed()) {
    throw Error(
        ErrorKind::config,
        fmt::format("the method stops after round {} ({}), but later rounds are on record: "
                    "raise the limit that stops it (max_iterations, tolerances)",
                    parts.store.num_rounds(), method::stop_reason_name(method.stop_reason())));
  }
  return {method.stop_reason(), ""};
}

}  // namespace invar::campaign
