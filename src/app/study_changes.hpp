#pragma once

#include <string>
#include <vector>

#include "invar/options/node.hpp"

namespace invar::app {

/// One line per key whose value differs: "inference.sample_size: 32 -> 64".
///
/// MPI: Local.
std::vector<std::string> changed_keys(const options::Node& before, const options::Node& after);

/// Lets changes pass that leave what was computed valid: how runs are scheduled, how failures are
/// treated, how long the method goes on, how the campaign is kept.
///
/// MPI: Local.
/// @throws Error(config)  naming every key whose change would mix two different campaigns
void refuse_changes_that_mix(const std::vector<std::string>& changes);

}  // namespace invar::app
