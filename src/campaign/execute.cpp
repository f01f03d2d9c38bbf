#include "invar/campaign/execute.hpp"

#include <memory>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "campaign/reporting.hpp"
#include "campaign/view.hpp"
#include "invar/campaign/run.hpp"
#include "invar/campaign/start.hpp"
#include "invar/evaluation/in_place_evaluator.hpp"
#include "invar/evaluation/pool_evaluator.hpp"
#include "invar/evaluation/setup.hpp"
#include "invar/parallel/agree.hpp"
#include "invar/store/campaign_store.hpp"

namespace invar::campaign {
namespace {

using method::StopReason;

/// What rank 0 holds of an open campaign.
struct Opened {
  std::unique_ptr<store::CampaignStore> store;
  std::unique_ptr<method::Method> method;
};

Opened open(const Study& study, const Request& request) {
  Opened opened;
  opened.method = make_method(study, request.base);
  if (request.creation) {
    store::create_campaign(request.directory, *request.creation);
  }
  opened.store = std::make_unique<store::CampaignStore>(
      request.directory,
      store::StoreOptions{.restart_files_to_keep = study.campaign.restart_files_to_keep,
                          .segment_seconds = study.campaign.segment_seconds,
                          .segment_megabytes = study.campaign.segment_megabytes,
                          .fsync_interval_s = study.campaign.fsync_interval_s});
  if (request.change) {
    opened.store->replace_manifest(*request.change);
  }
  request.on_open(opened.store->log_path());
  for (const std::string& note : opened.store->recovery_notes()) {
    request.say(note);
  }
  if (const auto& restart = opened.store->restart_point()) {
    opened.method->restore(restart->state);
    request.say(fmt::format("continuing after round {}, {} evaluations on record",
                            restart->num_rounds, opened.store->num_evaluations()));
  }
  return opened;
}

int exit_code_of(StopReason reason, bool has_posterior) {
  switch (reason) {
    case StopReason::too_many_failures:
    case StopReason::groups_lost:
      return static_cast<int>(ErrorKind::unavailable);
    case StopReason::stopped_early:
      return static_cast<int>(ErrorKind::stopped_early);
    default:
      return has_posterior ? 0 : static_cast<int>(ErrorKind::unavailable);
  }
}

/// Drives the loop on rank 0 and leaves everything written; the exit code.
int drive(const Study& study, const Request& request, const Opened& opened, int num_ranks,
          method::Evaluator& evaluator) {
  store::CampaignStore& store = *opened.store;
  method::Method& method = *opened.method;
  const std::string study_text = store.manifest().study_text;
  const auto write_view = [&](StopReason reason) {
    store.write_view(make_view({.study = study,
                                .study_text = study_text,
                                .num_ranks = num_ranks,
                                .stop_reason = reason,
                                .method = method}));
  };
  StatusWriter status(store, num_ranks);
  ViewRefresher refresher([&] { write_view(StopReason::none); });
  std::int64_t num_rounds_left = request.stop_after.value_or(-1);

  Parts parts{.method = method,
              .evaluator = evaluator,
              .store = store,
              .evaluation = study.evaluation,
              .observers = request.observers,
              .is_stop_wanted = [&] { return num_rounds_left >= 0 && num_rounds_left-- == 0; }};
  parts.observers.push_back(&status);
  parts.observers.push_back(&refresher);
  try {
    const LoopResult result = run(parts);
    store.close_segment(method);
    write_view(result.stop_reason);
    const int exit_code = exit_code_of(result.stop_reason, method.posterior().has_value());
    const std::string ending = exit_code == 0 ? "finished" : exit_code == 75 ? "stopped" : "failed";
    status.write(ending, result.stop_reason, result.message);
    request.say(fmt::format(
        "{}: {}{}{}; see `invar show {}`", ending, method::stop_reason_name(result.stop_reason),
        result.message.empty() ? "" : "; ", result.message, request.directory.string()));
    return exit_code;
  } catch (const Error& error) {
    status.write_if_possible("failed", error.what());
    request.say(error.what());
    throw;
  }
}

/// Nobody to run the model: what is recorded is all there is.
class NoEvaluator final : public method::Evaluator {
 public:
  void evaluate(const method::Batch& /*batch*/, const std::vector<Eigen::Index>& /*samples*/,
                const Sink& /*sink*/) override {}
};

/// How long groups that are still at work may take to leave when the campaign ends, in seconds.
constexpr double patience_s = 5.0;

}  // namespace

Outcome execute(const parallel::Groups& groups, const Study& study, const Request& request) {
  const parallel::Comm& all = groups.all();
  const auto model = evaluation::make_model(
      groups, study.make_model,
      {.num_parameters = study.space.dimension(), .num_qois = study.observations.values.size()});

  const parallel::StopFlag stop;
  std::unique_ptr<method::Evaluator> evaluator;
  evaluation::PoolEvaluator* pool = nullptr;
  const Opened opened = parallel::agree(all, [&]() -> Opened {
    if (!groups.is_manager()) {
      return {};
    }
    if (all.size() == 1) {
      evaluator =
          std::make_unique<evaluation::InPlaceEvaluator>(groups, *model, study.evaluation, stop);
    } else {
      auto owned = std::make_unique<evaluation::PoolEvaluator>(groups, study.evaluation, stop);
      pool = owned.get();
      evaluator = std::move(owned);
    }
    return open(study, request);
  });

  int exit_code = 0;
  std::exception_ptr failure;
  if (groups.is_manager()) {
    request.say(groups.description(study.evaluation.concurrency));
    try {
      exit_code = drive(study, request, opened, all.size(), *evaluator);
    } catch (...) {
      failure = std::current_exception();
    }
    if (pool != nullptr) {
      pool->shut_down(patience_s);
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

void pack(const std::filesystem::path& directory, const Study& study,
          const std::function<void(const std::string&)>& say) {
  Request request;
  request.say = say;
  request.directory = directory;
  request.base = directory;
  const Opened opened = open(study, request);
  store::CampaignStore& store = *opened.store;
  NoEvaluator evaluator;
  const LoopResult result = run({.method = *opened.method,
                                 .evaluator = evaluator,
                                 .store = store,
                                 .evaluation = study.evaluation,
                                 .observers = {},
                                 .is_stop_wanted = {}});
  store.close_segment(*opened.method);
  store.write_view(make_view({.study = study,
                              .study_text = store.manifest().study_text,
                              .num_ranks = recorded_ranks(directory),
                              .stop_reason = result.stop_reason,
                              .method = *opened.method}));
}

}  // namespace invar::campaign
