#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "invar/store/restart_point.hpp"
#include "store/history.hpp"
#include "store/speculative_runs.hpp"
#include "store/stored_round.hpp"

namespace invar::store {

/// What is on disk of a campaign.
struct Recovered {
  std::vector<HistoryEntry> history;      // without gaps, from round 0
  std::vector<StoredRound> pending;       // rounds that are only journalled: those after history
  SpeculativeRuns speculative;            // that may still be asked for
  std::optional<RestartPoint> restart;    // the newest sound one
  std::vector<std::int64_t> journals;     // numbers of the journal files there are
  std::uint64_t sound_journal_bytes = 0;  // of the last of them
  bool has_holes = false;                 // in a journal: `pending` is to be written anew
  std::vector<std::string> notes;         // for people

  /// The first round that is not in history.
  [[nodiscard]] std::int64_t history_end() const {
    return history.empty() ? 0 : history.back().end_round;
  }
  /// What the next segment is called.
  [[nodiscard]] std::int64_t next_number() const {
    return history.empty() ? 0 : history.back().number + 1;
  }
};

/// Finds out what a campaign has, and cleans up after a kill: leftover temporary files go, damaged
/// files that can be done without are set aside as *.damaged.
///
/// A kill may have come anywhere in the closing of a segment, which writes, in this order: history,
/// restart file, next journal; and then removes the journal. So a journal may still be there beside
/// the history file made of it, and the restart file may be older than history.
///
/// @pre the campaign is locked
/// @throws Error(data), Error(io)
Recovered recover(const std::filesystem::path& campaign);

}  // namespace invar::store
