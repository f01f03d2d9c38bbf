#include "invar/campaign/reuse.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "campaign/continuation.hpp"
#include "campaign/drawn_runs.hpp"
#include "invar/store/record.hpp"
#include "invar/store/restart_point.hpp"
#include "invar/store/state_file.hpp"

namespace invar::campaign {
namespace {

namespace fs = std::filesystem;

using Eigen::Index;
using regression::EarlierRuns;

constexpr const char* kind = "reused_runs";

std::string bytes_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream bytes;
  if (stream.is_open()) {
    bytes << stream.rdbuf();
  }
  if (!stream.is_open() || stream.bad() || bytes.str().empty()) {
    throw Error(ErrorKind::no_input,
                fmt::format("cannot read {}, the runs of an earlier campaign", path.string()));
  }
  return bytes.str();
}

/// The newest restart file; empty where no round is finished.
fs::path newest_restart_file(const fs::path& directory) {
  try {
    return store::find_restart_file(directory);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::no_input) {
      throw;
    }
    return {};
  }
}

EarlierRuns runs_of_regression(const fs::path& directory, const Study& study,
                               const store::RecordedEvaluations& record,
                               std::vector<std::string>& notes) {
  const fs::path restart = newest_restart_file(directory);
  if (restart.empty()) {
    return {.origin = "",
            .transform = space::Transform(study.space.bounds, study.regression_vi.transform_map,
                                          study.regression_vi.transform_interior_margin),
            .batches = {}};
  }
  const store::RestartPoint newest = store::read_restart_file(restart);
  const auto num_later =
      std::count_if(record.rounds.begin(), record.rounds.end(),
                    [&](std::int64_t round) { return round >= newest.num_rounds; });
  if (num_later > 0) {
    notes.push_back(
        fmt::format("{} runs after its round {} are left out: they are of a round that "
                    "is not finished, or wait for `invar pack`",
                    num_later, newest.num_rounds));
  }
  return regression::earlier_runs(newest.state, recorded_rounds(record, newest.num_rounds),
                                  study.space, study.regression_vi);
}

EarlierRuns runs_of_run_vi(const fs::path& directory, const Study& study,
                           const store::RecordedEvaluations& record) {
  const vi::Target target(study.space, study.observations, study.run_vi);
  const DrawnRuns drawn = drawn_runs(record, study, target);
  const vi::Family family = family_of(study, directory);
  EarlierRuns runs{.origin = "", .transform = target.transform(), .batches = {}};
  for (std::size_t b = 0; b < drawn.rounds.size(); ++b) {
    std::vector<Index> columns;
    for (std::size_t i = 0; i < drawn.runs.origin.size(); ++i) {
      if (drawn.runs.origin[i] == b) {
        columns.push_back(static_cast<Index>(i));
      }
    }
    const vi::Coordinates& proposal = drawn.runs.proposals[b];
    Eigen::MatrixXd lower = proposal.std().asDiagonal();
    if (family.is_correlated()) {
      lower *= family.correlation_cholesky();
    }
    runs.batches.push_back({.stream = drawn.rounds[b],
                            .drawn_from = {.mean = proposal.mean, .lower = std::move(lower)},
                            .num_drawn = drawn.runs.num_drawn[b],
                            .x = drawn.runs.points.x(Eigen::all, columns),
                            .qois = drawn.runs.qois(Eigen::all, columns)});
  }
  return runs;
}

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

ReusableRuns reusable_runs(const fs::path& directory, const Study& study, bool with_jacobians,
                           const std::string& origin) {
  ReusableRuns found;
  const store::RecordedEvaluations record = store::read_evaluations(directory);
  found.notes = record.notes;
  if (record.size() > 0) {
    found.runs.push_back(study.method == InferenceMethod::regression_vi
                             ? runs_of_regression(directory, study, record, found.notes)
                             : runs_of_run_vi(directory, study, record));
    found.runs.back().origin = origin;
  }
  for (EarlierRuns& other : reused_runs(study, directory)) {
    other.origin += ", by way of " + origin;
    found.runs.push_back(std::move(other));
  }
  Index num_runs = 0;
  for (EarlierRuns& one : found.runs) {
    num_runs += one.num_runs();
    for (EarlierRuns::Batch& batch : one.batches) {
      if (!with_jacobians) {
        batch.jacobians.clear();
      }
    }
  }
  if (num_runs == 0) {
    throw Error(ErrorKind::data,
                fmt::format("it has no finished round with a good run to reuse{}{}",
                            found.notes.empty() ? "" : ": ", fmt::join(found.notes, "; ")));
  }
  return found;
}

std::string kept_runs_bytes(const KeptRuns& kept) {
  method::State state = kept.runs.to_state();
  state.set("named", kept.named);
  state.set("parameters", joined(kept.parameters));
  return store::state_file_bytes(kind, {{"runs", kept.runs.num_runs()}}, state);
}

KeptRuns read_kept_runs(const std::string& bytes, const fs::path& path) {
  const method::State state = store::read_state_file(bytes, path, kind);
  try {
    return {.named = state.get<std::string>("named"),
            .parameters = lines_of(state.get<std::string>("parameters")),
            .runs = EarlierRuns::from_state(state)};
  } catch (const Error& error) {
    throw Error(ErrorKind::data, fmt::format("{}: {}", path.string(), error.what()));
  }
}

std::vector<EarlierRuns> reused_runs(const Study& study, const fs::path& base,
                                     const std::map<std::string, std::string>& files) {
  std::vector<EarlierRuns> runs;
  for (const std::string& name : study.reuse) {
    const auto found = files.find(name);
    const fs::path path = base / name;
    runs.push_back(
        read_kept_runs(found != files.end() ? found->second : bytes_of(path), path).runs);
  }
  return runs;
}

std::vector<ReusedCount> count_reused(const fs::path& directory) {
  std::vector<ReusedCount> counts;
  for (const auto& [name, bytes] : store::state_files_in(directory, kind)) {
    const EarlierRuns runs = read_kept_runs(bytes, directory / name).runs;
    counts.push_back({.num_runs = runs.num_runs(), .origin = runs.origin});
  }
  return counts;
}

}  // namespace invar::campaign
