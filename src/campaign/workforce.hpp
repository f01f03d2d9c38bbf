#pragma once

#include <functional>

#include "invar/campaign/execute.hpp"
#include "invar/campaign/study.hpp"
#include "invar/method/evaluator.hpp"
#include "invar/parallel/groups.hpp"
#include "invar/parallel/stop_control.hpp"

namespace invar::campaign {

/// How long groups may take at the end over runs ahead that are of no use any more, in seconds.
inline constexpr double patience_with_runs_ahead_s = 60.0;

/// What rank 0 does while the others run the model for it.
struct ManagerWork {
  /// Before the work; what it throws is thrown on all ranks.
  std::function<void(method::Evaluator&, const core::Capabilities& can)> prepare;
  /// The work itself; gives the exit code.
  std::function<int(method::Evaluator&)> body;
};

/// Makes the model on every group and lets rank 0 work with an evaluator that runs it there, or in
/// place on one rank alone.
///
/// MPI:    Collective on all ranks of `groups`.
/// @param stop  looked at on rank 0
/// @return the same on all ranks, unless the job must be aborted
/// @throws parallel::CollectiveError  when a model cannot be made or `prepare` throws
/// @throws Error                      on rank 0 alone, from `body`, when a group is lost; the job
///                                    must then be aborted
Outcome run_with_workforce(const parallel::Groups& groups, const Study& study,
                           parallel::StopControl& stop, const ManagerWork& work);

}  // namespace invar::campaign
