#pragma once

#include <span>
#include <string>
#include <string_view>

namespace invar::core {

/// Deeper than any format of ours, and far from where recursion ends a program.
inline constexpr int greatest_json_depth = 64;

/// How deep lists and objects lie in each other in a JSON text, sound or not.
///
/// Libraries copy, write and destroy JSON by recursion: a foreign text whose depth is not looked at
/// before can end the program.
///
/// MPI:  Local.
/// Cost: one pass over the text.
int json_depth(std::string_view text);

/// The text with quotes around these words where they stand outside of texts: NaN and the like,
/// which some programs write though JSON does not know them.
///
/// @param words  of those that fit at a place the first one counts
/// MPI:  Local.
std::string with_quoted_words(std::string_view text, std::span<const std::string_view> words);

}  // namespace invar::core
