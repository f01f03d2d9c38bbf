#pragma once

#include <cstddef>
#include <string>

namespace invar::dakota {

/// The beginning of a text that somebody else wrote, on one line and in printable characters, so
/// that a message may hold it.
/// MPI: Local.
std::string shortened(const std::string& text, std::size_t longest = 200);

/// The same of its end, by whole lines where they are short.
std::string last_lines(const std::string& text, std::size_t longest = 500);

/// `shortened` in backquotes.
std::string quoted(const std::string& text);

}  // namespace invar::dakota
