#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "invar/campaign/study.hpp"
#include "invar/regression/earlier_runs.hpp"

namespace invar::campaign {

/// What a campaign has to give to another one of the same model.
struct ReusableRuns {
  std::vector<regression::EarlierRuns> runs;  // its own, then those that it reuses itself
  std::vector<std::string> notes;             // what is left out, and why: a line for people each
};

/// Reads the runs of a campaign, of either method, with what they were drawn from; it may be
/// running. Those of rounds that are not told yet, or told after the newest restart file of
/// `regression_vi`, are left out.
///
/// MPI:  Manager only; without the campaign's lock.
/// Cost: as `store::read_evaluations`.
///
/// @param study           of that campaign
/// @param with_jacobians  whether recorded Jacobians come along
/// @param origin          what to call it
/// @throws Error(no_input, data)  when it is no campaign, or has no finished round with a good run
ReusableRuns reusable_runs(const std::filesystem::path& directory, const Study& study,
                           bool with_jacobians, const std::string& origin);

/// Runs as a campaign that reuses them keeps them.
struct KeptRuns {
  std::string named;  // the directory, as the study named it that began the campaign
  std::vector<std::string> parameters;  // their names
  regression::EarlierRuns runs;
};

/// The bytes of the file for them, with a checksum.
std::string kept_runs_bytes(const KeptRuns& kept);

/// Reads what `kept_runs_bytes` made.
/// @param path  what to call it in a message
/// @throws Error(data)  when it is damaged, or something else
KeptRuns read_kept_runs(const std::string& bytes, const std::filesystem::path& path);

/// The runs that `study.reuse` names: files that `kept_runs_bytes` made.
///
/// MPI: Manager only.
/// @param base   the folder that they are relative to
/// @param files  bytes of those that are not on the disk yet, by the name in `study.reuse`
/// @throws Error(no_input, data)  when one is missing or damaged; names it
std::vector<regression::EarlierRuns> reused_runs(
    const Study& study, const std::filesystem::path& base,
    const std::map<std::string, std::string>& files = {});

/// So many runs of an earlier campaign.
struct ReusedCount {
  std::int64_t num_runs = 0;
  std::string origin;
};

/// What a campaign reuses.
///
/// MPI: Manager only; without the campaign's lock.
/// @throws Error(data, io)  when a file is damaged or cannot be read
std::vector<ReusedCount> count_reused(const std::filesystem::path& directory);

}  // namespace invar::campaign
