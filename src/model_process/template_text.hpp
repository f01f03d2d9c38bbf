#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>

namespace invar::model_process {

/// A user's input file in which `{{name}}` and `{name}` stand for parameters, also with a format as
/// Python has it: `{{name:.6e}}`. Without one a number has 17 digits.
///
/// Single braces around anything but the name of a parameter are left alone, as is a placeholder
/// with a backslash before it (which goes).
///
/// Source: `dprepro` of Dakota 6.19, whose expressions we do not have; double braces are ours.
/// Shapes: d names and parameters.
/// MPI:    Local.
/// @throws Error(config)  on double braces around something else, or a format that is none
std::string render(const std::string& text, const std::vector<std::string>& names,
                   const Eigen::VectorXd& parameters);

}  // namespace invar::model_process
