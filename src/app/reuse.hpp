#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/study_bundle.hpp"
#include "invar/campaign/reuse.hpp"

namespace invar::app {

/// What `inference.reuse` of a study names, read.
struct ReusedCampaigns {
  std::vector<campaign::KeptRuns> kept;  // at least one per directory, in their order
  std::vector<std::string> messages;     // what is used of what, for people
};

/// Reads the campaigns that a study reuses, and compares their studies with it.
///
/// MPI: Manager only.
///
/// @param base       the folder of the study file
/// @param directory  of the campaign that is to be
/// @throws Error  of the kind of what is wrong, naming key and directory: no campaign there, a
///                damaged one, another model, the same directory twice, the campaign itself
ReusedCampaigns read_reused(const LoadedStudy& loaded, const std::filesystem::path& base,
                            const std::filesystem::path& directory,
                            const model::ModelRegistry& registry);

/// Makes the study name the copies that its campaign keeps.
/// @return the bytes of the copies, by their names
StoredFiles keep_copies(const ReusedCampaigns& reused, LoadedStudy& loaded);

/// A campaign keeps the copies that it began with: the same directories, named by the study's
/// author as before, are no change.
///
/// @param copies  the files of the campaign
/// @return        the bytes of the copies that stay
StoredFiles keep_reused(const LoadedStudy& before, LoadedStudy& after, const StoredFiles& copies);

}  // namespace invar::app
