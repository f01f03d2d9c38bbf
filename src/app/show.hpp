#pragma once

#include <filesystem>
#include <string>

namespace invar::app {

/// A campaign and its posterior, for people.
///
/// MPI: Manager only; the campaign may be running.
/// @throws Error(no_input)  when the directory is not a campaign
std::string show_text(const std::filesystem::path& directory);

/// The same for programs: one JSON object with status, stop_reason, rounds, evaluations, failed,
/// posterior {names, mean, std, covariance} or null, elbo, seconds, notes (files that could not be
/// read, and why).
std::string show_json(const std::filesystem::path& directory);

}  // namespace invar::app
