#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/study_files.hpp"
#include "invar/campaign/study.hpp"
#include "invar/parallel/comm.hpp"

namespace invar::app {

/// A study with the bytes it was read from.
struct LoadedStudy {
  std::filesystem::path path;
  std::vector<std::string> overrides;
  std::string text;  // of the file
  campaign::Study study;
  FileCopies copies;
  FilesInPlace files_in_place;
};

/// Reads a study file with overrides, on this rank alone.
///
/// MPI: Local.
/// @param stored  files of a campaign whose study this may become
/// @throws Error(no_input, config, data, usage)
LoadedStudy load_study(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                       const model::ModelRegistry& registry, const StoredFiles& stored = {});

/// A study as bytes, from which a process that does not read the disk has the same study.
///
/// MPI: Local.
std::string study_bytes(const LoadedStudy& loaded);
LoadedStudy study_from_bytes(const std::string& bytes, const model::ModelRegistry& registry);

/// The same as `load_study` on all ranks: rank 0 reads the disk, all read the same bytes.
///
/// MPI: Collective on comm.
/// @throws parallel::CollectiveError
LoadedStudy load_study_on_all(const parallel::Comm& comm, const std::filesystem::path& path,
                              const std::vector<std::string>& overrides,
                              const model::ModelRegistry& registry, const StoredFiles& stored = {});

}  // namespace invar::app
