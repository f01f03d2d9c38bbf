#pragma once

#include "app/arguments.hpp"
#include "invar/model/model.hpp"
#include "invar/parallel/session.hpp"

namespace invar::app {

/// `invar doctor`: examines the study's model in processes that run this very program again, and
/// prints the report.
///
/// Of several ranks that were started together the first does it; the others have nothing to do,
/// and their number is what the report plans for.
///
/// MPI: Local; called before MPI is initialised, which none of these ranks ever does.
/// @return 0, or 65 where the model is not fit for a campaign
/// @throws Error(config, data, no_input, usage, io, stopped_early)
int doctor_command(const Arguments& arguments, const model::ModelRegistry& registry);

/// One of those processes, or one of its ranks: makes the checks that it is told, on all ranks as
/// one group.
///
/// MPI: Collective on the session's world.
/// @return the exit code, the same on all ranks
int examine_command(const parallel::Session& session, const Arguments& arguments,
                    const model::ModelRegistry& registry);

}  // namespace invar::app
