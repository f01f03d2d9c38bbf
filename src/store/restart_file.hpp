#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <hdf5.h>

#include "invar/store/restart_point.hpp"

namespace invar::store {

std::filesystem::path restart_path(const std::filesystem::path& campaign, std::int64_t num_rounds);

/// Writes restart/round-NUM_ROUNDS.h5 durably.
void write_restart_file(const std::filesystem::path& campaign, const RestartPoint& point);

/// The numbers of rounds for which there is a restart file, ascending, whatever its state.
std::vector<std::int64_t> list_restart_files(const std::filesystem::path& campaign);

/// Removes the oldest restart files but `keep`. What is not a restart file of ours stays.
void prune_restart_files(const std::filesystem::path& campaign, int keep, std::int64_t spared);

/// Writes a state as a group with a dataset per value.
void write_state(hid_t location, const std::string& group, const method::State& state);

/// Reads what `write_state` wrote.
/// @throws Error(data)  when there is no such group, or a value in it cannot be read
method::State read_state(hid_t location, const std::string& group);

}  // namespace invar::store
