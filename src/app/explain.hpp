#pragma once

#include <string>
#include <vector>

#include "invar/options/table.hpp"

namespace invar::app {

/// What `invar explain [KEY]` prints: every key by section, or one key, or all below one.
///
/// MPI: Local.
///
/// @param keys  of a study, as `campaign::describe_study` gives them
/// @param key   dotted; "" for all
/// @throws Error(usage)  when there is no such key; names the nearest
std::string explain_text(const std::vector<options::Description>& keys, const std::string& key);

/// The same as Markdown tables, one per section, for the README.
std::string explain_markdown(const std::vector<options::Description>& keys, const std::string& key);

}  // namespace invar::app
