#include "campaign/continuation.hpp"

#include <fmt/format.h>

#include "invar/campaign/run.hpp"
#include "invar/method/state_reader.hpp"
#include "invar/regression/make_regression_vi.hpp"
#include "invar/store/record.hpp"

namespace invar::campaign {
namespace {

using method::Batch;
using method::Evaluation;
using method::State;

/// Nobody to run the model: what is recorded is all there is.
class NoEvaluator final : public method::Evaluator {
 public:
  void evaluate(const Batch& /*batch*/, const std::vector<Eigen::Index>& /*samples*/,
                const Sink& /*sink*/) override {}
};

/// The round in which a method takes over a state that was reached under another study: a row of
/// its own, with the batch that was under way, whose missing answers are cancelled.
void take_over(store::CampaignStore& store, method::Method& method, const State& state,
               const std::function<void(const std::string&)>& say) {
  const std::int64_t number = store.num_rounds();
  const auto num_points = static_cast<Eigen::Index>(state.get<std::int64_t>("num_parameters"));
  const Batch batch = store.recorded_batch(number).value_or(
      Batch{.round = number,
            .first_id = state.get<std::int64_t>("evaluations"),
            .points = Eigen::MatrixXd(num_points, 0)});
  const auto answers = store.begin_batch(batch);
  std::int64_t num_cancelled = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) {
      Evaluation cancelled;
      cancelled.status = Status::cancelled;
      cancelled.attempts = 0;
      cancelled.message = "the study was changed before this run was done";
      store.record(batch, static_cast<Eigen::Index>(i), cancelled);
      ++num_cancelled;
    }
  }
  method.rescore(state, batch.points.cols());
  store.commit(number, method.diagnostics(), 0.0, method);
  store.close_segment(method);
  say(fmt::format("round {}: the state is scored anew under the changed study{}", number,
                  num_cancelled > 0
                      ? fmt::format("; {} runs of the batch under way are given up", num_cancelled)
                      : ""));
  for (const std::string& message : method.diagnostics().messages) {
    say(message);
  }
}

}  // namespace

method::RecordedRounds recorded_rounds(const store::RecordedEvaluations& record,
                                       std::int64_t num_rounds) {
  method::RecordedRounds rounds;
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (record.rounds[i] >= num_rounds) {
      continue;
    }
    Evaluation evaluation;
    evaluation.status = record.statuses[i];
    evaluation.qois = record.qois.col(static_cast<Eigen::Index>(i));
    evaluation.derivatives = store::derivatives_of(record.derivatives, record.ids[i]).found;
    rounds[record.rounds[i]].evaluations.push_back(std::move(evaluation));
  }
  return rounds;
}

core::Capabilities recorded_capabilities(store::CampaignStore& store, const core::Capabilities& can,
                                         const MakeMethod& make_method) {
  if (const auto& restart = store.restart_point()) {
    return restart->state.get<std::string>("method") == "regression_vi"
               ? regression::capabilities_of(restart->state)
               : can;
  }
  const auto first = store.recorded_batch(0);
  if (!first) {
    return can;
  }
  // Nothing but the first batch tells what the model gave when the campaign began.
  for (const core::Capabilities& candidate :
       {can, core::Capabilities{}, core::Capabilities{.jacobian = true},
        core::Capabilities{.vector_jacobian = true}, core::Capabilities{.jacobian_vector = true}}) {
    const auto method = make_method(candidate);
    method->resume_first_batch(first->points.cols());
    if (method->stop_reason() != method::StopReason::none) {
      continue;
    }
    const Batch asked = method->ask();
    if (method::are_same(asked.points, first->points) &&
        method::is_same(asked.wanted_of(0), first->wanted_of(0))) {
      return candidate;
    }
  }
  return can;
}

void continue_from_record(store::CampaignStore& store, method::Method& method,
                          const std::function<void(const std::string&)>& say) {
  const auto& restart = store.restart_point();
  if (restart && method.needs_record()) {
    method.recall(recorded_rounds(store::read_evaluations(store.directory()), restart->num_rounds));
  }
  const std::int64_t first_round = store.manifest().first_round;
  if ((restart ? restart->num_rounds : 0) < first_round) {
    throw Error(ErrorKind::data,
                fmt::format("{}: prior, data or noise were changed after round {}, and no sound "
                            "restart file from there on is left: put restart/round-{:06}.h5 back, "
                            "or start a new campaign (`invar rescore` still answers from the runs)",
                            store.directory().string(), first_round, first_round));
  }
  if (restart) {
    if (method.has_target_of(restart->state)) {
      method.restore(restart->state);
    } else {
      take_over(store, method, restart->state, say);
    }
    return;
  }
  const auto first = store.recorded_batch(0);
  if (!first) {
    return;
  }
  method.resume_first_batch(first->points.cols());
  // A changed prior may have moved the first batch, which no restart file tells of.
  if (store.manifest().revision > 1 && method.stop_reason() == method::StopReason::none &&
      !method::are_same(method.ask().points, first->points)) {
    take_over(store, method, method.state(), say);
  }
}

void replay_told_rounds(const Study& study, store::CampaignStore& store, method::Method& method) {
  NoEvaluator evaluator;
  run({.method = method,
       .evaluator = evaluator,
       .store = store,
       .evaluation = study.evaluation,
       .observers = {},
       .reason_to_stop = [&store] { return store.is_replayed() ? "all is replayed" : ""; }});
  store.close_segment(method);
}

}  // namespace invar::campaign
