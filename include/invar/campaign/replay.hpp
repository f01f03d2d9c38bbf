#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "invar/campaign/execute.hpp"
#include "invar/campaign/study.hpp"
#include "invar/parallel/groups.hpp"
#include "invar/parallel/stop_control.hpp"

namespace invar::campaign {

/// Runs one recorded evaluation of a campaign again, without touching the campaign, and compares
/// its status and, bit for bit, its QoIs.
///
/// MPI:    Collective on all ranks of `groups`.
/// @param print  the report; called on rank 0
/// @return exit code 0 when both are the same, 65 when they differ
/// @throws parallel::CollectiveError(no_input, usage)  when the directory is not a campaign, or has
///                                                     no evaluation of that id
Outcome replay(const parallel::Groups& groups, const Study& study,
               const std::filesystem::path& directory, std::int64_t id,
               const std::function<void(const std::string&)>& print);

}  // namespace invar::campaign
