#include "app/run_command.hpp"

#include <filesystem>
#include <optional>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "app/campaign_log.hpp"
#include "app/progress.hpp"
#include "app/study_bundle.hpp"
#include "app/study_changes.hpp"
#include "app/yaml.hpp"
#include "invar/campaign/execute.hpp"
#include "invar/campaign/start.hpp"
#include "invar/parallel/agree.hpp"
#include "invar/parallel/groups.hpp"
#include "invar/petsc/session.hpp"

namespace invar::app {
namespace {

namespace fs = std::filesystem;

/// What a campaign holds of its study: the text, the files it names, and where it branches from.
///
/// @param base  the folder of the study file
store::Manifest manifest_of(const LoadedStudy& loaded, const fs::path& base) {
  store::Manifest manifest;
  for (const auto& [path, copy] : loaded.copies) {
    manifest.data_files[copy.stored_name] = copy.bytes;
  }
  options::Node resolved = loaded.study.resolved;
  if (const campaign::InitialOptions& initial = loaded.study.initial; initial.from) {
    const fs::path origin = campaign::branch_origin(initial, base);
    const std::string copy = "data/" + origin.filename().string();
    manifest.data_files[copy] = read_file(origin);
    options::Node start = options::Node::make_map();
    start.set("from", options::Node::make_scalar(copy));
    options::Node inference = *resolved.find("inference");
    inference.set("initial", std::move(start));
    resolved.set("inference", std::move(inference));
  }
  manifest.study_text = yaml_text(resolved);
  return manifest;
}

}  // namespace

int run_command(const parallel::Session& session, const Arguments& arguments,
                const model::ModelRegistry& registry) {
  const parallel::Comm& world = session.world();
  const bool is_resume = arguments.command == Arguments::Command::resume;
  campaign::Request request;
  request.stop_after = arguments.stop_after;

  std::vector<std::string> changes;
  LoadedStudy loaded = [&] {
    if (!is_resume) {
      return load_study_on_all(world, arguments.study, arguments.overrides, registry);
    }
    request.directory = arguments.directory;
    const fs::path stored = request.directory / "study.yaml";
    if (arguments.study.empty() && arguments.overrides.empty()) {
      return load_study_on_all(world, stored, {}, registry);
    }
    LoadedStudy changed =
        load_study_on_all(world, arguments.study.empty() ? stored : fs::path(arguments.study),
                          arguments.overrides, registry);
    const LoadedStudy before = load_study_on_all(world, stored, {}, registry);
    changes = changed_keys(before.study.resolved, changed.study.resolved);
    refuse_changes_that_mix(changes);
    return changed;
  }();
  const campaign::Study& study = loaded.study;
  if (!is_resume) {
    request.base = fs::path(arguments.study).parent_path();
    request.directory = arguments.campaign ? fs::path(*arguments.campaign)
                                           : request.base / study.campaign.directory;
    request.creation = parallel::agree(world, [&] {
      return world.rank() == 0 ? manifest_of(loaded, request.base) : store::Manifest{};
    });
  } else {
    request.base = request.directory;
    if (!changes.empty()) {
      request.change = manifest_of(loaded, request.base);
    }
  }

  const parallel::Groups groups(world, study.evaluation.ranks_per_model);
  petsc::PetscSession petsc(
      groups.group().get(),
      groups.num_groups() > 1
          ? petsc::options_of_group(arguments.petsc, fmt::format(".group{}", groups.index()))
          : arguments.petsc);

  Progress progress(::isatty(STDERR_FILENO) != 0, study.inference.max_iterations());
  CampaignLog log(progress);
  request.observers = {&progress, &log};
  request.say = [&](const std::string& message) { log.say(message); };
  request.on_open = [&](const fs::path& path) {
    log.open(path);
    for (const std::string& change : changes) {
      log.say("changed: " + change);
    }
  };
  const campaign::Outcome outcome = campaign::execute(groups, study, request);
  progress.finish();
  if (outcome.must_abort) {
    parallel::Session::abort(outcome.exit_code);
  }
  petsc.close();
  return outcome.exit_code;
}

}  // namespace invar::app
