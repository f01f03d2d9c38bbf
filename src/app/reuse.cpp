#include "app/reuse.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "app/study_changes.hpp"
#include "invar/regression/make_regression_vi.hpp"
#include "invar/store/create_campaign.hpp"

namespace invar::app {
namespace {

namespace fs = std::filesystem;

using campaign::KeptRuns;
using options::Node;
using regression::EarlierRuns;

void name_copies(LoadedStudy& loaded, const std::vector<std::string>& names) {
  Node list = Node::make_sequence();
  for (const std::string& name : names) {
    list.items.push_back(Node::make_text(name));
  }
  list.origin = loaded.study.resolved.find_path("inference.reuse")->origin;
  Node inference = *loaded.study.resolved.find("inference");
  inference.set("reuse", std::move(list));
  loaded.study.resolved.set("inference", std::move(inference));
  loaded.study.reuse = names;
}

/// The same place, however it is written.
fs::path place_of(const fs::path& directory) {
  const fs::path whole = fs::weakly_canonical(directory);
  return whole.has_filename() ? whole : whole.parent_path();
}

/// @throws Error(config)  when runs of one are no runs of the other
void require_same_model(const LoadedStudy& before, const LoadedStudy& after) {
  const auto has = before.study.observations.values.size();
  const auto wants = after.study.observations.values.size();
  const std::vector<std::string> changes = changes_of_model(
      changed_keys(before.study.resolved, after.study.resolved), before.study.harmless_model_keys);
  if (!changes.empty()) {
    throw Error(ErrorKind::config,
                fmt::format("its runs are not of this model; from there to here:\n  {}\n"
                            "leave it out, or give the model as it was",
                            fmt::join(changes, "\n  ")));
  }
  if (has != wants) {
    throw Error(ErrorKind::config, fmt::format("its runs have {} QoIs, this study has {} "
                                               "observations; there must be one for each",
                                               has, wants));
  }
}

/// A copy that a campaign keeps: of a stored study that begins another campaign.
campaign::ReusableRuns read_copy(const LoadedStudy& loaded, const fs::path& file) {
  KeptRuns kept = campaign::read_kept_runs(read_file(file), file);
  if (kept.parameters != loaded.study.space.names) {
    throw Error(ErrorKind::config, fmt::format("its runs have the parameters {}, this study has {}",
                                               fmt::join(kept.parameters, ", "),
                                               fmt::join(loaded.study.space.names, ", ")));
  }
  campaign::ReusableRuns found;
  found.runs.push_back(std::move(kept.runs));
  return found;
}

campaign::ReusableRuns read_one(const LoadedStudy& loaded, const fs::path& from,
                                const std::string& named, const model::ModelRegistry& registry) {
  if (fs::is_regular_file(from)) {
    return read_copy(loaded, from);
  }
  const store::Manifest manifest = store::read_manifest(from);
  const LoadedStudy before = load_study(from / "study.yaml", {}, registry);
  // Files of the same content under one name, others under others.
  const LoadedStudy after =
      load_study(loaded.path, loaded.overrides, registry, manifest.data_files);
  require_same_model(before, after);
  const bool with_jacobians =
      loaded.study.regression_vi.derivatives != regression::DerivativeUse::none;
  return campaign::reusable_runs(from, before.study, with_jacobians, named);
}

}  // namespace

ReusedCampaigns read_reused(const LoadedStudy& loaded, const fs::path& base,
                            const fs::path& directory, const model::ModelRegistry& registry) {
  ReusedCampaigns reused;
  if (!loaded.study.reuse.empty() &&
      regression::takes_low_rank(loaded.study.space, loaded.study.regression_vi.family)) {
    throw Error(ErrorKind::config,
                fmt::format("inference.reuse: {}", regression::no_reuse_with_low_rank));
  }
  std::vector<EarlierRuns> known;
  std::vector<fs::path> places;
  const Node* list = loaded.study.resolved.find_path("inference.reuse");
  for (std::size_t i = 0; i < loaded.study.reuse.size(); ++i) {
    const std::string& named = loaded.study.reuse[i];
    const fs::path from = base / named;
    try {
      const fs::path place = place_of(from);
      if (place == place_of(directory)) {
        throw Error(ErrorKind::config, "it is the directory of this campaign itself");
      }
      if (std::find(places.begin(), places.end(), place) != places.end()) {
        throw Error(ErrorKind::config, "it is named twice; its runs count once");
      }
      places.push_back(place);
      campaign::ReusableRuns found = read_one(loaded, from, named, registry);
      for (const std::string& note : found.notes) {
        reused.messages.push_back(fmt::format("{}: {}", named, note));
      }
      for (std::size_t j = 0; j < found.runs.size(); ++j) {
        EarlierRuns& runs = found.runs[j];
        const Eigen::Index num_known = regression::leave_out_known(runs, known);
        reused.messages.push_back(
            fmt::format("{} runs of {} are used too{}", runs.num_runs(), runs.origin,
                        num_known > 0 ? fmt::format("; {} are here already", num_known) : ""));
        if (j > 0 && runs.batches.empty()) {
          continue;
        }
        known.push_back(runs);
        reused.kept.push_back(
            {.named = named, .parameters = loaded.study.space.names, .runs = std::move(runs)});
      }
    } catch (const Error& error) {
      const std::string where = list->items[i].where.text();
      throw Error(error.kind(),
                  fmt::format("{}inference.reuse: {}: {}", where.empty() ? "" : where + ": ", named,
                              error.what()));
    }
  }
  return reused;
}

StoredFiles keep_copies(const ReusedCampaigns& reused, LoadedStudy& loaded) {
  StoredFiles copies;
  std::vector<std::string> names;
  int number = 0;
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(loaded.copies.begin(), loaded.copies.end(),
                       [&](const auto& entry) { return entry.second.stored_name == name; });
  };
  for (const KeptRuns& kept : reused.kept) {
    std::string name;
    do {
      name = fmt::format("data/reused-{}.h5", ++number);
    } while (is_taken(name));
    copies[name] = campaign::kept_runs_bytes(kept);
    names.push_back(std::move(name));
  }
  name_copies(loaded, names);
  return copies;
}

StoredFiles keep_reused(const LoadedStudy& before, LoadedStudy& after, const StoredFiles& copies) {
  StoredFiles kept;
  std::vector<std::string> named;
  for (const std::string& name : before.study.reuse) {
    kept[name] = copies.at(name);
    const std::string directory = campaign::read_kept_runs(kept[name], name).named;
    if (named.empty() || named.back() != directory) {
      named.push_back(directory);
    }
  }
  if (!before.study.reuse.empty() && after.study.reuse == named) {
    name_copies(after, before.study.reuse);
  }
  return kept;
}

}  // namespace invar::app
