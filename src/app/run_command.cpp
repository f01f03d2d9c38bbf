#include "app/run_command.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "app/campaign_log.hpp"
#include "app/model_process.hpp"
#include "app/progress.hpp"
#include "app/reuse.hpp"
#include "app/study_bundle.hpp"
#include "app/study_changes.hpp"
#include "app/yaml.hpp"
#include "invar/campaign/execute.hpp"
#include "invar/campaign/replay.hpp"
#include "invar/campaign/start.hpp"
#include "invar/core/version.hpp"
#include "invar/evaluation/setup.hpp"
#include "invar/evaluation/time_limit.hpp"
#include "invar/parallel/agree.hpp"
#include "invar/parallel/groups.hpp"
#include "invar/petsc/session.hpp"
#include "invar/umbridge_server/serve.hpp"

namespace invar::app {
namespace {

namespace fs = std::filesystem;

/// This program as a campaign remembers it: the models that are linked in are part of it.
std::string program_identity() {
  return fmt::format("invar {} ({}), checksum {}", core::version(), core::commit(),
                     store::checksum_of_file("/proc/self/exe"));
}

/// What a campaign holds of its study: the text, the files it names, and where it branches from.
///
/// @param base    the folder of the study file
/// @param reused  copies of the runs that the study reuses
store::Manifest manifest_of(const LoadedStudy& loaded, const fs::path& base,
                            const StoredFiles& reused) {
  store::Manifest manifest;
  manifest.data_files = reused;
  manifest.program = program_identity();
  for (const auto& [path, copy] : loaded.copies) {
    manifest.data_files[copy.stored_name] = copy.bytes;
  }
  options::Node resolved = loaded.study.resolved;
  if (const campaign::InitialOptions& initial = loaded.study.initial; initial.from) {
    const fs::path origin = campaign::branch_origin(initial, base);
    const std::string copy = "data/" + origin.filename().string();
    manifest.data_files[copy] = read_file(origin);
    options::Node from = options::Node::make_scalar(copy);
    from.origin = resolved.find_path("inference.initial.from")->origin;
    options::Node start = options::Node::make_map();
    start.set("from", std::move(from));
    options::Node inference = *resolved.find("inference");
    inference.set("initial", std::move(start));
    resolved.set("inference", std::move(inference));
  }
  manifest.study_text = yaml_text(resolved);
  return manifest;
}

/// What is to be done, and with which study.
struct Plan {
  LoadedStudy loaded;
  campaign::Request request;
  std::vector<std::string> changes;        // of the study, at a resume
  std::string note;                        // on the program, at a resume; or ""
  std::vector<std::string> messages = {};  // on what is reused, at the start
};

/// What to say when another program goes on with a campaign; "" when it is the same.
std::string note_on_program(const store::Manifest& manifest) {
  const std::string now = program_identity();
  return manifest.program.empty() || manifest.program == now
             ? ""
             : fmt::format(
                   "the campaign was run by {}, this is {}; if a model that is "
                   "linked in gives other answers now, start a new campaign (`invar replay` "
                   "compares a run)",
                   manifest.program, now);
}

Plan plan_run(const parallel::Comm& world, const Arguments& arguments,
              const model::ModelRegistry& registry) {
  Plan plan{.loaded = load_study_on_all(world, arguments.study, overrides_of(arguments), registry),
            .request = {},
            .changes = {},
            .note = {}};
  plan.request.base = fs::path(arguments.study).parent_path();
  plan.request.directory = arguments.campaign
                               ? fs::path(*arguments.campaign)
                               : plan.request.base / plan.loaded.study.campaign.directory;
  plan.request.creation = parallel::agree(world, [&] {
    if (world.rank() != 0) {
      return store::Manifest{};
    }
    ReusedCampaigns reused =
        read_reused(plan.loaded, plan.request.base, plan.request.directory, registry);
    plan.messages = std::move(reused.messages);
    const StoredFiles copies =
        reused.kept.empty() ? StoredFiles{} : keep_copies(reused, plan.loaded);
    return manifest_of(plan.loaded, plan.request.base, copies);
  });
  return plan;
}

/// A campaign that branched keeps the start that it began with; the same start, named by the
/// study's author as before, is no change.
void keep_start(const LoadedStudy& before, LoadedStudy& after, const fs::path& campaign,
                const fs::path& base) {
  if (!before.study.initial.from || !after.study.initial.from) {
    return;
  }
  if (read_file(campaign::branch_origin(before.study.initial, campaign)) ==
      read_file(campaign::branch_origin(after.study.initial, base))) {
    after.study.initial = before.study.initial;
    options::Node inference = *after.study.resolved.find("inference");
    inference.set("initial", *before.study.resolved.find_path("inference.initial"));
    after.study.resolved.set("inference", std::move(inference));
  }
}

/// What a campaign holds, its checksums verified; empty on the other ranks.
store::Manifest manifest_on_rank_0(const parallel::Comm& world, const fs::path& directory) {
  return parallel::agree(world, [&] {
    return world.rank() == 0 ? store::read_manifest(directory) : store::Manifest{};
  });
}

/// @throws Error(config)  when another number of values is observed: no run has QoIs for them
void require_same_sizes(const campaign::Study& before, const campaign::Study& after) {
  const auto had = before.observations.values.size();
  const auto has = after.observations.values.size();
  if (had != has) {
    throw Error(ErrorKind::config,
                fmt::format("observations.values: the campaign has {} values and its runs as many "
                            "QoIs, found {}; start a new campaign with `invar run`",
                            had, has));
  }
}

Plan plan_resume(const parallel::Comm& world, const Arguments& arguments,
                 const model::ModelRegistry& registry) {
  const fs::path directory = arguments.directory;
  const fs::path stored = directory / "study.yaml";
  const store::Manifest manifest = manifest_on_rank_0(world, directory);
  Plan plan{.loaded = load_study_on_all(world, stored, {}, registry),
            .request = {},
            .changes = {},
            .note = {}};
  plan.request.directory = directory;
  plan.request.base = directory;
  parallel::agree(world, [&] {
    if (world.rank() == 0) {
      plan.note = note_on_program(manifest);
      if (!plan.note.empty()) {  // on record from now on
        store::Manifest same_study = manifest;
        same_study.program = program_identity();
        plan.request.change = {
            .manifest = std::move(same_study), .before = plan.loaded.study, .moves_target = false};
      }
    }
  });
  const std::vector<std::string> overrides = overrides_of(arguments);
  if (arguments.study.empty() && overrides.empty()) {
    return plan;
  }
  const fs::path given = arguments.study.empty() ? stored : fs::path(arguments.study);
  LoadedStudy changed = load_study_on_all(world, given, overrides, registry, manifest.data_files);
  parallel::agree(world, [&] {
    if (world.rank() != 0) {
      return;
    }
    keep_start(plan.loaded, changed, directory, given.parent_path());
    const StoredFiles reused = keep_reused(plan.loaded, changed, manifest.data_files);
    plan.changes = changed_keys(plan.loaded.study.resolved, changed.study.resolved);
    require_same_sizes(plan.loaded.study, changed.study);
    const ChangeKind kind = judge_changes(plan.changes, plan.loaded.study.harmless_model_keys);
    if (!plan.changes.empty()) {
      plan.request.change = {.manifest = manifest_of(changed, directory, reused),
                             .before = plan.loaded.study,
                             .moves_target = kind == ChangeKind::target};
    }
  });
  plan.loaded = std::move(changed);
  return plan;
}

/// PETSc's options for this rank: the manager of several ranks solves nothing, and groups write
/// their reports to files of their own.
std::vector<std::string> petsc_options(const parallel::Groups& groups, const std::string& given) {
  if (!groups.is_worker()) {
    return {};
  }
  const std::vector<std::string> options = words_of(given);
  return groups.num_groups() > 1
             ? petsc::options_of_group(options, fmt::format(".group{}", groups.index()))
             : options;
}

/// Puts the model where the study wants it, and ends the fork server where nobody needs it.
///
/// @param stop  on one rank, where nobody else looks at it, a run is given up when it is due
/// @return PETSc's options for this rank, which go where the model is
std::vector<std::string> place_model(LoadedStudy& loaded, const parallel::Groups& groups,
                                     isolation::ForkServer& forks,
                                     const parallel::StopControl& stop) {
  std::vector<std::string> options = petsc_options(groups, loaded.study.petsc);
  if (loaded.study.model_keeps_timeout) {
    loaded.study.evaluation.timeout_s.reset();  // whoever else did so would lose a group
  }
  const bool is_isolated = loaded.study.isolation == campaign::Isolation::process;
  if (is_isolated) {
    const bool is_alone = groups.plan().num_ranks == 1;
    run_model_in_process(loaded, std::exchange(options, {}), forks,
                         [&stop, is_alone] { return is_alone && stop.is_due(); });
  }
  if (!is_isolated || !groups.is_worker()) {
    forks.stop();
  }
  return options;
}

/// The earlier of --time-limit, counted from now, and evaluation.deadline.
/// @return which of them it is, for people; "" without any
std::string set_end(const Arguments& arguments, const evaluation::EvaluationOptions& options,
                    parallel::StopControl& stop) {
  const auto seconds_until = [](double moment) {
    return moment -
           std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
               .count();
  };
  std::optional<double> seconds;
  std::string source;
  if (arguments.time_limit) {
    source = "--time-limit " + *arguments.time_limit;
    seconds = evaluation::parse_duration(*arguments.time_limit);
    if (!seconds) {
      seconds = seconds_until(*evaluation::parse_moment(*arguments.time_limit));
    }
  }
  if (options.deadline) {
    const double until = seconds_until(*evaluation::parse_moment(*options.deadline));
    if (!seconds || until < *seconds) {
      seconds = until;
      source = "evaluation.deadline " + *options.deadline;
    }
  }
  if (seconds) {
    // A century is as good as for ever, and fits into the clock.
    const std::chrono::duration<double> until(std::min(*seconds, 3e9));
    stop.set_end(parallel::StopControl::Clock::now() +
                 std::chrono::duration_cast<parallel::StopControl::Clock::duration>(until));
    source += *seconds <= 0 ? ", which has passed" : "";
  }
  return source;
}

}  // namespace

int run_command(const parallel::Session& session, const Arguments& arguments,
                const model::ModelRegistry& registry, parallel::StopControl& stop,
                isolation::ForkServer& forks) {
  Plan plan = arguments.command == Arguments::Command::resume
                  ? plan_resume(session.world(), arguments, registry)
                  : plan_run(session.world(), arguments, registry);
  const campaign::Study& study = plan.loaded.study;
  campaign::Request& request = plan.request;
  request.stop_after = arguments.stop_after;
  request.retry_failed = arguments.retry_failed;
  request.end_source = set_end(arguments, study.evaluation, stop);

  const parallel::Groups groups(session.world(), study.evaluation.ranks_per_model);
  petsc::PetscSession petsc(groups.group().get(), place_model(plan.loaded, groups, forks, stop));

  Progress progress(::isatty(STDERR_FILENO) != 0,
                    study.method == campaign::InferenceMethod::run_vi
                        ? std::optional<std::int64_t>(study.run_vi.max_iterations())
                        : std::nullopt);
  CampaignLog log(progress);
  request.observers = {&progress, &log};
  request.say = [&](const std::string& message) { log.say(message); };
  request.on_open = [&](const fs::path& path) {
    log.open(path);
    if (!plan.note.empty()) {
      log.say(plan.note);
    }
    for (const std::string& change : plan.changes) {
      log.say("changed: " + change);
    }
  };
  if (study.initial.from && groups.is_manager() && request.creation) {
    log.say("branching from " +
            campaign::branch_origin(study.initial, request.base).lexically_normal().string());
  }
  for (const std::string& message : plan.messages) {
    log.say(message);
  }
  const campaign::Outcome outcome = campaign::execute(groups, study, request, stop);
  progress.finish();
  if (outcome.must_abort) {
    parallel::Session::abort(outcome.exit_code);
  }
  petsc.close();
  return outcome.exit_code;
}

int replay_command(const parallel::Session& session, const Arguments& arguments,
                   const model::ModelRegistry& registry, isolation::ForkServer& forks) {
  const fs::path directory = arguments.directory;
  const parallel::StopControl stop;
  manifest_on_rank_0(session.world(), directory);
  LoadedStudy loaded = load_study_on_all(session.world(), directory / "study.yaml", {}, registry);
  const parallel::Groups groups(session.world(), loaded.study.evaluation.ranks_per_model);
  petsc::PetscSession petsc(groups.group().get(), place_model(loaded, groups, forks, stop));
  const campaign::Outcome outcome =
      campaign::replay(groups, loaded.study, directory, arguments.evaluation,
                       [](const std::string& text) { std::fputs(text.c_str(), stdout); });
  if (outcome.must_abort) {
    parallel::Session::abort(outcome.exit_code);
  }
  petsc.close();
  return outcome.exit_code;
}

int serve_command(const parallel::Session& session, const Arguments& arguments,
                  const model::ModelRegistry& registry, parallel::StopControl& stop,
                  isolation::ForkServer& forks) {
  LoadedStudy loaded =
      load_study_on_all(session.world(), arguments.study, overrides_of(arguments), registry);
  const campaign::Study& study = loaded.study;
  const parallel::Groups groups(session.world(), study.evaluation.ranks_per_model);
  petsc::PetscSession petsc(groups.group().get(), place_model(loaded, groups, forks, stop));
  umbridge_server::ServerOptions options;
  options.host = arguments.host;
  options.port = arguments.port;
  options.sizes = {.num_parameters = study.space.dimension(),
                   .num_qois = study.observations.values.size()};
  options.timeout_s = study.evaluation.timeout_s;
  {
    const auto model = evaluation::make_model(groups, study.make_model, options.sizes);
    const auto outcome =
        umbridge_server::serve(groups, model.get(), options, stop, [](const std::string& url) {
          std::printf("listening on %s\n", url.c_str());
          std::fflush(stdout);
        });
    if (outcome.must_abort) {
      parallel::Session::abort(outcome.exit_code);
    }
    if (outcome.exit_code != 0) {
      return outcome.exit_code;
    }
  }
  petsc.close();
  return 0;
}

}  // namespace invar::app
