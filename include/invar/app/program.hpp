#pragma once

#include "invar/model/model.hpp"

namespace invar::app {

/// The program `invar` with these model types: what main() returns.
///
/// Initialises MPI, and PETSc on each group of ranks, reads the command line, and runs one command
/// (run, resume, check, doctor, explain, show, replay, rescore, serve, pack, eval). Results go to
/// stdout, progress and messages to stderr. `doctor` starts the program that it is called in
/// (/proc/self/exe) again.
///
/// MPI:     Collective on all ranks of the job; called once.
/// Failure: every error is a message on stderr and an exit code (see `ErrorKind`); an error on one
///          rank alone ends the job by MPI_Abort.
///
/// @return the exit code
int run_program(int argc, char** argv, const model::ModelRegistry& registry);

}  // namespace invar::app
