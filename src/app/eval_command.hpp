#pragma once

#include "app/arguments.hpp"
#include "invar/isolation/fork_server.hpp"
#include "invar/model/model.hpp"
#include "invar/parallel/session.hpp"

namespace invar::app {

/// `invar eval`: a study's model as a driver of Dakota's fork interface.
///
/// Reads the parameters file, runs the model on all ranks of the job for every evaluation in it,
/// and writes the results file, which is complete once it has its name.
///
/// MPI:     Collective on the session's world, whose ranks are the group.
/// Failure: a run that failed stands so in the results file, and the exit code is 0.
///
/// @param forks  stopped where this rank needs no process for the model
/// @return the exit code, the same on all ranks
/// @throws parallel::CollectiveError(data)         when the parameters file cannot be read, does
/// not
///                                                 fit the study, or asks for derivatives that the
///                                                 model does not give
/// @throws parallel::CollectiveError(no_input, io) when a file is not there or cannot be written
/// @throws parallel::CollectiveError(config)       when the study is wrong
int eval_command(const parallel::Session& session, const Arguments& arguments,
                 const model::ModelRegistry& registry, isolation::ForkServer& forks);

}  // namespace invar::app
