#pragma once

#include <optional>
#include <string_view>

namespace invar::options {

/// The number that a text is as a whole: decimal, or `.inf`, `-.inf`, `.nan` (the dot may be
/// missing); none when it is something else or does not fit a double.
std::optional<double> parse_real(std::string_view text);

}  // namespace invar::options
