#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "invar/method/state.hpp"

namespace invar::store {

/// Named values as the bytes of an HDF5 file with a checksum, a dataset each.
///
/// MPI: Manager only.
/// @param kind    of file, a word
/// @param counts  that its user block says in plain text
std::string state_file_bytes(const std::string& kind, std::map<std::string, std::int64_t> counts,
                             const method::State& state);

/// Reads what `state_file_bytes` made, its checksum verified first.
///
/// MPI: Manager only.
/// @param path  what to call it in a message
/// @throws Error(data)  when it is damaged, or of another kind
method::State read_state_file(const std::string& bytes, const std::filesystem::path& path,
                              const std::string& kind);

/// The bytes of the files in the folder data/ of a campaign that are of this kind, by their names
/// in the campaign; those that are damaged so much that it cannot be seen are left out.
///
/// MPI: Manager only.
/// @throws Error(io)
std::map<std::string, std::string> state_files_in(const std::filesystem::path& campaign,
                                                  const std::string& kind);

}  // namespace invar::store
