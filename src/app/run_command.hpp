#pragma once

#include "app/arguments.hpp"
#include "invar/isolation/fork_server.hpp"
#include "invar/model/model.hpp"
#include "invar/parallel/session.hpp"
#include "invar/parallel/stop_control.hpp"

namespace invar::app {

/// `invar run` and `invar resume`.
///
/// MPI: Collective on the session's world. Ends the job by MPI_Abort where a group was given up.
///
/// @param stop   looked at on rank 0; gets the end that --time-limit and evaluation.deadline give
/// @param forks  stopped where this rank needs no processes for a model
/// @return the exit code, the same on all ranks
int run_command(const parallel::Session& session, const Arguments& arguments,
                const model::ModelRegistry& registry, parallel::StopControl& stop,
                isolation::ForkServer& forks);

/// `invar replay`.
///
/// MPI: as `run_command`.
/// @return the exit code, the same on all ranks
int replay_command(const parallel::Session& session, const Arguments& arguments,
                   const model::ModelRegistry& registry, isolation::ForkServer& forks);

/// `invar serve`.
///
/// MPI: as `run_command`.
/// @return the exit code, the same on all ranks
int serve_command(const parallel::Session& session, const Arguments& arguments,
                  const model::ModelRegistry& registry, parallel::StopControl& stop,
                  isolation::ForkServer& forks);

}  // namespace invar::app
