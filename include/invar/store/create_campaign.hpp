#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace invar::store {

/// What a campaign is about, byte for byte.
struct Manifest {
  std::string study_text;                         // study.yaml
  std::map<std::string, std::string> data_files;  // "data/obs.csv" -> its bytes
  std::int64_t revision = 1;                      // counts changes of the study
  std::int64_t first_round = 0;                   // that this prior, data and noise hold for
  std::string program = {};                       // that put it there, one line; for comparison
};

/// The CRC-32C of a file, in hexadecimal.
///
/// MPI: Local.
/// @throws Error(io)  when it cannot be read
std::string checksum_of_file(const std::filesystem::path& path);

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

/// What a campaign is about, its checksums verified.
///
/// MPI: Manager only.
///
/// @throws Error(no_input)  when the directory is not a campaign
/// @throws Error(data)      when study.yaml or a data file was edited, is damaged or missing
/// @throws Error(io)        when a file cannot be read
Manifest read_manifest(const std::filesystem::path& directory);

}  // namespace invar::store
