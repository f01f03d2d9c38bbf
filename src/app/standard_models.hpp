#pragma once

#include "invar/model/model.hpp"

namespace invar::app {

/// The model types that `invar` and `invar-eval` come with.
/// MPI: Local.
model::ModelRegistry standard_models();

}  // namespace invar::app
