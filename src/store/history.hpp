#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/derivative_file.hpp"
#include "store/segment.hpp"

namespace invar::store {

inline constexpr std::int64_t format_version = 1;

/// What the user block of a history file says.
struct HistoryEntry {
  std::filesystem::path path;
  std::int64_t number = 0;       // of the segment
  std::int64_t first_round = 0;  // of its rounds
  std::int64_t end_round = 0;    // one after the last
  std::int64_t num_evaluations = 0;
  std::int64_t num_failed = 0;
  std::int64_t num_ran_ahead = 0;    // of the evaluations
  std::int64_t num_speculative = 0;  // runs that nobody has asked for
  std::int64_t speculative_end = 0;  // one after the last of their numbers, here and before
  DerivativeCounts derivatives = {};
};

std::filesystem::path history_path(const std::filesystem::path& campaign, std::int64_t number);

/// Writes history/segment-NUMBER.h5 durably.
/// @pre the rounds are told, complete and without gaps
HistoryEntry write_history(const std::filesystem::path& campaign, std::int64_t number,
                           const Segment& segment, std::int64_t speculative_end);

/// The numbers of the segments in history/, ascending, whatever their state.
std::vector<std::int64_t> list_history(const std::filesystem::path& campaign);

/// Reads the user block only.
/// @throws Error(data)  when it is damaged or foreign
HistoryEntry read_history_entry(const std::filesystem::path& campaign, std::int64_t number);

/// Verifies a segment's checksum.
/// @throws Error(data)  when it is damaged; names the file and the remedy
void verify_history_file(const HistoryEntry& entry);

/// Reads a segment, its checksum verified first.
/// @throws Error(data)  when it is damaged or foreign; names the file
Segment read_history(const HistoryEntry& entry);

/// The same, round by round.
std::vector<StoredRound> read_history_rounds(const HistoryEntry& entry);

}  // namespace invar::store
