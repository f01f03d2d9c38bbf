#pragma once

#include <string>
#include <vector>

#include "invar/options/node.hpp"

namespace invar::app {

/// Applies `--set key=value`: a dotted key, and a value in YAML. Maps on the way are made.
///
/// MPI: Local; the same on all ranks.
///
/// @param root        the parsed study
/// @param assignment  such as "inference.sample_size=64"
/// @throws Error(usage)  when there is no `=`, the key is no dotted path or leads through a value
///                       that has no keys, or the value is no YAML
void apply_override(options::Node& root, const std::string& assignment);

/// A study file with the overrides of the command line.
///
/// MPI: Local; the same on all ranks.
///
/// @param name  of the file, for places
/// @throws Error(config, usage)  as `parse_yaml` and `apply_override`
options::Node parse_study(const std::string& text, const std::string& name,
                          const std::vector<std::string>& overrides);

}  // namespace invar::app
