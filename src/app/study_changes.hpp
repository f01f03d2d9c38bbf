#pragma once

#include <string>
#include <vector>

#include "invar/options/node.hpp"

namespace invar::app {

/// One line per key whose value differs: "inference.sample_size: 32 -> 64".
///
/// MPI: Local.
std::vector<std::string> changed_keys(const options::Node& before, const options::Node& after);

/// What a change of study means for a campaign.
enum class ChangeKind {
  harmless,  // how runs are scheduled, how long the method goes on, how the campaign is kept
  target,    // prior, data or noise: what was computed is valid, and is scored anew
};

/// Judges a change by its worst key.
///
/// MPI: Local.
/// @param harmless_model_keys  those under `model:` that have no part in the answers
/// @throws Error(config)  naming every key whose change would mix two different campaigns
ChangeKind judge_changes(const std::vector<std::string>& changes,
                         const std::vector<std::string>& harmless_model_keys);

/// The changes after which runs are no longer those of the same model: other parameters, another
/// model or other options of its solver. A line each; empty where runs stay good.
///
/// MPI: Local.
std::vector<std::string> changes_of_model(const std::vector<std::string>& changes,
                                          const std::vector<std::string>& harmless_model_keys);

}  // namespace invar::app
