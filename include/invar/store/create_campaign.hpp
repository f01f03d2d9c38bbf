#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace invar::store {

/// What a campaign is about, byte for byte.
struct Manifest {
  std::string study_text;                         // study.yaml
  std::map<std::string, std::string> data_files;  // "data/obs.csv" -> its bytes
};

/// Makes a new campaign directory: prepared whole under a temporary name beside it, then renamed.
///
/// Folders above it are made as needed. Nothing that exists is ever overwritten.
///
/// MPI: Manager only.
///
/// @pre every name in `data_files` begins with "data/" and stays inside it
/// @throws Error(config)  when the directory holds a campaign (names `invar resume`), holds
///                        anything else, or is a file
/// @throws Error(io)      when it cannot be written
void create_campaign(const std::filesystem::path& directory, const Manifest& manifest);

}  // namespace invar::store
