#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace invar::store::testing {

/// The first thing in which two packed campaigns differ that have to be the same answer: of
/// /evaluations the id, round, sample, parameters, qois, derivatives and status; /rounds but for
/// its seconds; /posterior. Numbers are compared bit for bit, whatever ran when and where is not.
std::optional<std::string> campaign_difference(const std::filesystem::path& a,
                                               const std::filesystem::path& b);

}  // namespace invar::store::testing
