#pragma once

#include "invar/model/model.hpp"

namespace invar::model_petsc {

/// Adds the models that need no code of the user: `linear`, `lotka_volterra`, `poisson`.
///
/// They are made between the start and the end of a `petsc::PetscSession`.
///
/// MPI: Local.
/// @pre none of these names is in the registry
void add_builtin_models(model::ModelRegistry& registry);

}  // namespace invar::model_petsc
