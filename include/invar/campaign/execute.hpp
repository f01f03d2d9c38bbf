#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "invar/campaign/study.hpp"
#include "invar/method/observer.hpp"
#include "invar/parallel/groups.hpp"
#include "invar/parallel/stop_control.hpp"
#include "invar/store/create_campaign.hpp"

namespace invar::campaign {

/// A study that takes the place of another at a resume.
struct Change {
  store::Manifest manifest;
  Study before;
  bool moves_target = false;  // prior, data or noise change: the current state is scored anew
};

/// What is to be done with a study.
struct Request {
  std::filesystem::path directory;          // the campaign's
  std::filesystem::path base;               // that `inference.initial.from` is relative to
  std::optional<store::Manifest> creation;  // a new campaign with this content; else it is resumed
  std::optional<Change> change;             // a changed study to put in place at a resume
  bool retry_failed = false;                // as store::StoreOptions has it
  std::optional<std::int64_t> stop_after;   // end in good order after so many rounds
  std::string end_source;                   // what set the end of the time, for people
  std::vector<method::Observer*> observers;
  /// Messages for people; called on rank 0 once the directory (and its log) is there.
  std::function<void(const std::string&)> say = [](const std::string&) {};
  /// Told where log.txt is as soon as the campaign is open. Rank 0.
  std::function<void(const std::filesystem::path&)> on_open = [](const std::filesystem::path&) {};
};

/// How a campaign ended.
struct Outcome {
  int exit_code = 0;
  bool must_abort = false;  // a group was given up: MPI_Finalize would hang, end by MPI_Abort
};

/// Runs a campaign on all ranks: makes the models, opens the directory, drives the loop, and leaves
/// a packed campaign.h5.
///
/// MPI:    Collective on all ranks of `groups`.
/// @return the same on all ranks
/// @throws parallel::CollectiveError  when the campaign cannot be opened or a model not be made
/// @throws Error                      on rank 0 alone, from the loop; the job must then be aborted
/// Failure: too many failed runs or lost groups: exit code 69; a wanted stop: 75
///
/// @param stop  looked at on rank 0
Outcome execute(const parallel::Groups& groups, const Study& study, const Request& request,
                parallel::StopControl& stop);

/// Writes campaign.h5 of a campaign from everything that is recorded.
///
/// MPI: Manager only; without other ranks.
/// @param say  told what had to be repaired or passed over
void pack(const std::filesystem::path& directory, const Study& study,
          const std::function<void(const std::string&)>& say);

}  // namespace invar::campaign
