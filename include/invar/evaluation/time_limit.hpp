#pragma once

#include <optional>
#include <string>

namespace invar::evaluation {

/// A length of time as batch systems write it: seconds ("90", "0.5"), "[D-]HH:MM:SS", "MM:SS", or
/// with units ("30s", "15min", "12h", "2d"). In seconds.
///
/// MPI: Local.
/// @return none when the text is none of these, or not positive
std::optional<double> parse_duration(const std::string& text);

/// A moment: "2026-11-22T08:00[:00]" (or with a blank for the T) in local time, or with a Z at its
/// end in UTC. In seconds since 1970.
///
/// MPI: Local.
/// @return none when the text is no such moment
std::optional<double> parse_moment(const std::string& text);

}  // namespace invar::evaluation
