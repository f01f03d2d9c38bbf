#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "invar/parallel/groups.hpp"

namespace invar::parallel {

/// Works on one task. All ranks of a group are called together with the same bytes; what the
/// leader leaves in `reply` (empty at the call), shorter than 2 GiB, is the answer.
using TaskHandler =
    std::function<void(std::span<const std::byte> task, std::vector<std::byte>& reply)>;

/// Answers the manager's tasks until it shuts the pool down. A left over rank only waits for that.
///
/// All waiting is done in naps, so that ranks that have nothing to do leave the cores to others.
///
/// MPI: Collective on the ranks of a group; called by all ranks but the manager.
/// What the handler throws passes through, and the job must then be aborted.
void serve(const Groups& groups, const TaskHandler& handler);

}  // namespace invar::parallel
