#pragma once

#include <filesystem>
#include <string>

#include "invar/model/model.hpp"

namespace invar::app {

/// A campaign and its posterior, for people.
///
/// MPI: Manager only; the campaign may be running.
/// @throws Error(no_input)  when the directory is not a campaign
std::string show_text(const std::filesystem::path& directory);

/// The same for programs: one JSON object with status, stop_reason, rounds, evaluations, failed,
/// reused [{runs, origin}], posterior {names, mean, std, covariance, diagnostics, findings} or
/// null, elbo, seconds, notes (files that could not be read, and why).
std::string show_json(const std::filesystem::path& directory);

/// What the failed runs of a campaign have in common, for people.
///
/// MPI: Manager only; the campaign may be running.
/// @throws Error(no_input)  when the directory is not a campaign
/// @throws Error(config)    when its study cannot be read
std::string show_failures(const std::filesystem::path& directory,
                          const model::ModelRegistry& registry);

}  // namespace invar::app
