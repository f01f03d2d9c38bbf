#pragma once

#include <petscsys.h>

#include "invar/core/error.hpp"

namespace invar::petsc {

/// Turns PETSc's error code into an exception: `check(VecNorm(x, NORM_2, &norm));`.
///
/// Stands in for PetscCallThrow, which a PETSc built as C does not have.
///
/// MPI: Local. PETSc's collective functions return an error on all ranks only when all ranks found
///      it; a caller that cannot be sure ends the job.
/// @throws Error(internal)  with PETSc's own explanation, when the code is not zero
void check(PetscErrorCode code, core::SourceLocation where = {});

}  // namespace invar::petsc
