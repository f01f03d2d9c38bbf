#include "invar/campaign/execute.hpp"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "campaign/continuation.hpp"
#include "campaign/reporting.hpp"
#include "campaign/view.hpp"
#include "campaign/workforce.hpp"
#include "invar/campaign/run.hpp"
#include "invar/campaign/start.hpp"
#include "invar/parallel/stop_signals.hpp"
#include "invar/store/campaign_store.hpp"

namespace invar::campaign {
namespace {

using method::StopReason;

/// What rank 0 holds of an open campaign.
struct Opened {
  std::unique_ptr<store::CampaignStore> store;
  std::unique_ptr<method::Method> method;
};

std::unique_ptr<store::CampaignStore> open_store(const Study& study, const Request& request) {
  return std::make_unique<store::CampaignStore>(
      request.directory,
      store::StoreOptions{.restart_files_to_keep = study.campaign.restart_files_to_keep,
                          .segment_seconds = study.campaign.segment_seconds,
                          .segment_megabytes = study.campaign.segment_megabytes,
                          .fsync_interval_s = study.campaign.fsync_interval_s,
                          .retry_failed = request.retry_failed});
}

/// The method that began a campaign.
std::unique_ptr<method::Method> method_of_record(store::CampaignStore& store,
                                                 const core::Capabilities& can,
                                                 const MakeMethod& make) {
  return make(recorded_capabilities(store, can, make));
}

/// Puts a changed study in place. What was told under the old one is finished first: after that
/// the newest restart file is all that goes from one study to the other.
/// @return what was repaired and done, for people
std::vector<std::string> change_study(const Request& request, const core::Capabilities& can) {
  const Change& change = *request.change;
  const auto store = open_store(change.before, request);
  std::vector<std::string> notes = store->recovery_notes();
  const auto method = method_of_record(*store, can, [&](const core::Capabilities& candidate) {
    return make_method(change.before, request.directory, candidate);
  });
  continue_from_record(*store, *method,
                       [&notes](const std::string& note) { notes.push_back(note); });
  replay_told_rounds(change.before, *store, *method);
  store->replace_manifest(change.manifest, change.moves_target);
  return notes;
}

/// @param can  what the model gives; a campaign that has begun keeps to what it wanted first
Opened open(const Study& study, const Request& request, const core::Capabilities& can) {
  Opened opened;
  if (request.creation) {
    opened.method = make_method(study, request.base, can, request.creation->data_files);
    store::create_campaign(request.directory, *request.creation);
  }
  std::vector<std::string> notes;
  if (request.change) {
    notes = change_study(request, can);
  }
  opened.store = open_store(study, request);
  if (!opened.method) {
    opened.method = method_of_record(*opened.store, can, [&](const core::Capabilities& candidate) {
      return make_method(study, request.base, candidate);
    });
  }
  request.on_open(opened.store->log_path());
  for (const std::string& note : notes) {
    request.say(note);
  }
  for (const std::string& note : opened.store->recovery_notes()) {
    request.say(note);
  }
  if (const auto num_evaluations = opened.store->num_evaluations(); num_evaluations > 0) {
    request.say(fmt::format("continuing after round {}, {} evaluations on record",
                            opened.store->num_rounds(), num_evaluations));
  }
  continue_from_record(*opened.store, *opened.method, request.say);
  if (request.retry_failed) {
    const std::int64_t num_again = opened.store->num_to_retry();
    request.say(fmt::format(
        "{} failed runs of the round under way are run again; {} others stay as they are: the "
        "model said so itself, or the method has been told of them",
        num_again, opened.store->num_failed() - num_again));
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

/// Who evaluates, and for how long.
struct Workforce {
  method::Evaluator& evaluator;
  parallel::StopControl& stop;
  int num_ranks;
};

/// Seconds that are needed to leave in good order besides those for writing campaign.h5: for the
/// restart file, and for letting the other ranks go.
constexpr double leave_s = 3.0;
/// How much longer than the last time writing campaign.h5 may take.
constexpr double view_safety = 3.0;

/// How long writing campaign.h5 will take, by its size, in seconds.
double expected_view_s(const std::filesystem::path& directory) {
  constexpr double bytes_per_s = 2e7;
  std::error_code none_yet;
  const auto size = std::filesystem::file_size(directory / "campaign.h5", none_yet);
  return none_yet ? 0.0 : static_cast<double>(size) / bytes_per_s;
}

/// Why a campaign that can be resumed should stop now, or "".
std::string reason_to_stop(const parallel::StopControl& stop, const Request& request) {
  if (stop.is_asked()) {
    return fmt::format("{} asked for it", parallel::signal_name(stop.signal()));
  }
  return stop.is_due() ? "the end of the time is near: " + request.end_source : "";
}

/// Drives the loop on rank 0 and leaves everything written; the exit code.
int drive(const Study& study, const Request& request, const Opened& opened,
          const Workforce& workforce) {
  store::CampaignStore& store = *opened.store;
  parallel::StopControl& stop = workforce.stop;
  method::Method& method = *opened.method;
  const std::string study_text = store.study_text();
  const auto write_view = [&](StopReason reason) {
    const Stopwatch cost;
    store.write_view(make_view({.study = study,
                                .study_text = study_text,
                                .num_ranks = workforce.num_ranks,
                                .stop_reason = reason,
                                .method = method}));
    stop.set_margin(leave_s + view_safety * cost.seconds());
  };
  stop.set_margin(leave_s + view_safety * expected_view_s(request.directory));
  StatusWriter status(store, workforce.num_ranks);
  ViewRefresher refresher([&] { write_view(StopReason::none); });
  RequestWatch watch(stop, status, request.say);
  const std::int64_t num_rounds_before = store.num_rounds();
  const std::int64_t num_evaluations_before = store.num_evaluations();

  Parts parts{
      .method = method,
      .evaluator = workforce.evaluator,
      .store = store,
      .evaluation = study.evaluation,
      .observers = request.observers,
      .reason_to_stop = [&]() -> std::string {
        if (request.stop_after && store.num_rounds() - num_rounds_before >= *request.stop_after) {
          return "--stop-after asked for it";
        }
        return reason_to_stop(stop, request);
      }};
  status.write_running();
  workforce.evaluator.set_on_idle([&] { watch.look(); });
  parts.observers.push_back(&status);
  parts.observers.push_back(&watch);
  parts.observers.push_back(&refresher);
  try {
    LoopResult result = run(parts);
    if (result.stop_reason == StopReason::stopped_early) {
      workforce.evaluator.settle();  // what runs may be asked for when the campaign goes on
    }
    store.close_segment(method);
    write_view(result.stop_reason);
    if (stop.has_end() && result.stop_reason == StopReason::stopped_early &&
        store.num_evaluations() == num_evaluations_before) {
      result.message += "; the time was too short for a single run";
    }
    const int exit_code = exit_code_of(result.stop_reason, method.posterior().has_value());
    const std::string ending = exit_code == 0 ? "finished" : exit_code == 75 ? "stopped" : "failed";
    status.write(ending, result.stop_reason, result.message);
    request.say(fmt::format(
        "{}: {}{}{}; see `invar show {}`", ending, method::stop_reason_name(result.stop_reason),
        result.message.empty() ? "" : "; ", result.message, request.directory.string()));
    if (const int num_groups = workforce.evaluator.num_running_ahead(); num_groups > 0) {
      request.say(
          fmt::format("all is written; {} groups are still at a run ahead that nobody needs any "
                      "more: they have {:.0f} s to end it, then the job is ended without them",
                      num_groups, patience_with_runs_ahead_s));
    }
    return exit_code;
  } catch (const Error& error) {
    status.write_if_possible("failed", error.what());
    request.say(error.what());
    throw;
  }
}

}  // namespace

Outcome execute(const parallel::Groups& groups, const Study& study, const Request& request,
                parallel::StopControl& stop) {
  Opened opened;
  return run_with_workforce(
      groups, study, stop,
      {.prepare =
           [&](method::Evaluator& evaluator, const core::Capabilities& can) {
             opened = open(study, request, can);
             evaluator.learn(opened.store->recent_run_times());
           },
       .body =
           [&](method::Evaluator& evaluator) {
             request.say(groups.description(study.evaluation.concurrency));
             return drive(study, request, opened,
                          {.evaluator = evaluator, .stop = stop, .num_ranks = groups.all().size()});
           }});
}

void pack(const std::filesystem::path& directory, const Study& study,
          const std::function<void(const std::string&)>& say) {
  Request request;
  request.say = say;
  request.directory = directory;
  request.base = directory;
  const Opened opened = open(study, request, {});
  store::CampaignStore& store = *opened.store;
  replay_told_rounds(study, store, *opened.method);
  store.write_view(make_view({.study = study,
                              .study_text = store.study_text(),
                              .num_ranks = recorded_ranks(directory),
                              .stop_reason = opened.method->stop_reason(),
                              .method = *opened.method}));
}

}  // namespace invar::campaign
