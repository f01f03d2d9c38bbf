#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "invar/campaign/study.hpp"

namespace invar::app {

/// What a study would run, for people: sizes, model, method, evaluations, groups, and notes on what
/// is allowed but rarely meant.
///
/// MPI: Local.
std::string summary_text(const campaign::Study& study);

/// What `invar check STUDY` prints: the summary of a study that is sound.
///
/// MPI: Manager only.
///
/// @param overrides  key=value, of `--set`
/// @throws Error(config, data, no_input, usage)  listing everything that is wrong
std::string check_text(const std::filesystem::path& study,
                       const std::vector<std::string>& overrides,
                       const model::ModelRegistry& registry);

}  // namespace invar::app
