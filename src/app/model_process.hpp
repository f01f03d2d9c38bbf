#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/study_bundle.hpp"
#include "invar/isolation/fork_server.hpp"
#include "invar/model/model.hpp"

namespace invar::app {

/// What a process does that runs a study's model: MPI as if launched alone, PETSc, the study, the
/// model.
///
/// Lifetime: the registry must outlive what is returned.
isolation::Host model_process(const model::ModelRegistry& registry);

/// Makes the study's model one that runs in a process of its own, which also keeps the timeout from
/// then on.
///
/// MPI:      Local.
/// Lifetime: `forks` must outlive the models that are made.
///
/// @param petsc        options for PETSc there
/// @param is_given_up  as isolation::IsolationOptions has it
void run_model_in_process(LoadedStudy& loaded, const std::vector<std::string>& petsc,
                          isolation::ForkServer& forks, const std::function<bool()>& is_given_up);

}  // namespace invar::app
