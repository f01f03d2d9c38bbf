#pragma once

#include "invar/options/node.hpp"
#include "invar/vi/run_vi_options.hpp"
#include "vi/recording.hpp"

namespace invar::vi::recording {

/// JSON as the tree that a study file would give.
options::Node node_of(const Json& value);

/// Reads options through the table of the study file.
/// @throws Error(config)  listing what is wrong
RunViOptions read_options(const Json& map);

}  // namespace invar::vi::recording
