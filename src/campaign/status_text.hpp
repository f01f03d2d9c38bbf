#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace invar::campaign {

/// status.json as it is written: an object, with the checksum of the rest as its `crc32c`.
///
/// MPI: Local.
std::string status_text(nlohmann::json values);

/// What status.json says of a campaign; fields that it does not have keep these values.
struct RecordedStatus {
  std::string status = "unknown";
  std::string stop_reason = "none";
  std::string message;
  double seconds = 0.0;  // that the told rounds took
  int ranks = 1;
  bool is_damaged = false;  // then nothing of it is believed
};

/// Reads status.json, whatever is in it.
///
/// MPI: Local.
/// @param text  none: the file is not there
/// Failure: what is not as `status_text` wrote it is `is_damaged`
RecordedStatus read_status(const std::optional<std::string>& text);

}  // namespace invar::campaign
