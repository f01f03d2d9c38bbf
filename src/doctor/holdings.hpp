#pragma once

#include <mpi.h>

#include "doctor/results.hpp"

namespace invar::doctor {

/// What this process holds, as the kernel says; without the communicator.
/// MPI: Local.
Holdings holdings_of_process();

/// The number of a communicator that is made now. Open MPI gives the lowest that is free, so it
/// grows when communicators are not given back.
/// MPI: Collective on `comm`.
double next_communicator(MPI_Comm comm);

}  // namespace invar::doctor
