#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "invar/method/state.hpp"

namespace invar::store {

/// The state of a method after a round: where a campaign goes on, or another one begins.
struct RestartPoint {
  std::int64_t num_rounds = 0;       // rounds told
  std::int64_t num_evaluations = 0;  // in those rounds
  method::State state;
  double elapsed_seconds = 0.0;  // that those rounds took
};

/// The restart file of a campaign, which may be running.
///
/// MPI: Manager only.
///
/// @param num_rounds  the state after this many rounds; the newest when not given
/// @throws Error(no_input)  when there is none (says which there are)
std::filesystem::path find_restart_file(const std::filesystem::path& directory,
                                        std::optional<std::int64_t> num_rounds = std::nullopt);

/// Reads a restart file, its checksum verified first.
///
/// MPI: Manager only.
///
/// @throws Error(io)    when it cannot be read
/// @throws Error(data)  when it is damaged or foreign; names the file
RestartPoint read_restart_file(const std::filesystem::path& path);

}  // namespace invar::store
