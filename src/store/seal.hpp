#pragma once

#include <filesystem>
#include <string>

#include "invar/store/create_campaign.hpp"

namespace invar::store {

// study.yaml ends with lines of comment that hold its revision, the program that wrote it, and the
// checksums of everything above them and of the data files that belong to it. So a change of study
// is one rename, and a campaign whose study was edited or damaged is not continued by mistake.

/// The text of study.yaml: that of the manifest with its seal.
std::string sealed_text(const Manifest& manifest);

/// Reads study.yaml and the data files that it names, checksums verified.
/// @throws Error(data)  when a file was edited, is damaged or missing; names it
/// @throws Error(io)
Manifest read_sealed_manifest(const std::filesystem::path& campaign);

}  // namespace invar::store
