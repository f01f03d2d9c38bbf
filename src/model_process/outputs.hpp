#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "invar/model_process/process_model.hpp"

namespace invar::model_process {

/// Numbers picked out of the files that a program wrote, one output after the other.
///
/// Shapes:  num_qois QoIs.
/// MPI:     Local.
/// Failure: bad_output where a file, a line, a match or a number is missing, or there are more or
///          fewer numbers than QoIs.
///
/// @param read  gives a file of the run, none where there is no such file
model::ModelResult pick_outputs(
    const std::vector<Output>& outputs, Eigen::Index num_qois,
    const std::function<std::optional<std::string>(const std::string& name)>& read);

/// What is wrong with a regular expression, "" when nothing is.
std::string pattern_problem(const std::string& pattern);

}  // namespace invar::model_process
