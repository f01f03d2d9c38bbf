#pragma once

#include <optional>
#include <string>
#include <string_view>

// Numbers in files that programs write for each other.
namespace invar::dakota {

/// A number with 17 digits, which give the same double back.
/// MPI: Local.
std::string exact(double value);

/// A whole word as a number: with a Fortran exponent (1.0D+00) or an upper sign, also nan, inf and
/// infinity in any case.
/// MPI: Local.
std::optional<double> parse_number(std::string_view word);

/// A text in lower case.
/// MPI: Local.
std::string lower_case(std::string_view text);

}  // namespace invar::dakota
