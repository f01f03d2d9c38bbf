#pragma once

#include <string>

#include "invar/options/node.hpp"

namespace invar::app {

/// Reads one YAML document; aliases are replaced by what they stand for.
///
/// MPI: Local.
///
/// @param name    of the file, for places such as "study.yaml:3:1"
/// @param origin  of every value
/// @return        null for an empty document
/// @throws Error(config)  with places: bad syntax, a key that is there twice, a key that is no
///                        scalar, an unknown tag, several documents, aliases that multiply beyond
///                        reason
options::Node parse_yaml(const std::string& text, const std::string& name,
                         options::Origin origin = options::Origin::file);

/// Writes a tree as YAML that reads back as the same values, each followed by a comment that says
/// where it came from: `# default`, `# file` or `# command line`.
///
/// MPI: Local.
///
/// @pre root is a map
std::string yaml_text(const options::Node& root);

}  // namespace invar::app
