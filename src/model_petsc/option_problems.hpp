#pragma once

#include <vector>

#include "invar/model/model.hpp"

namespace invar::model_petsc {

/// For callers from C++, who have no study file to point at.
/// @throws Error(config)  listing the problems, when there are any
void require_none(const std::vector<model::OptionProblem>& problems);

}  // namespace invar::model_petsc
