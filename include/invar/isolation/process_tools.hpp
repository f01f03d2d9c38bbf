#pragma once

#include <functional>

#include <sys/types.h>

// For processes that were forked to run something, and for those that watch over them.
namespace invar::isolation {

/// Removes from the environment what the job's launcher left there for this rank: a child that is
/// an MPI program would take itself for the rank.
///
/// In a step of Slurm, Open MPI would take SLURM_STEPID for a launch of its own.
/// MPI: Local.
void forget_launcher();

/// Makes this process the first that the kernel ends when memory runs out: it costs one run, anyone
/// else a campaign.
/// MPI: Local.
void volunteer_when_memory_runs_out();

/// Kills the children of this process that are not spared and, where this process is a subreaper,
/// what they leave behind, until there are no more (not for ever: a process in the hands of a dead
/// file system cannot be killed).
/// MPI: Local.
void end_orphans(const std::function<bool(pid_t)>& is_spared);

}  // namespace invar::isolation
