#pragma once

#include <string>
#include <vector>

#include "invar/isolation/descriptor.hpp"

namespace invar::model_process {

/// The life of a process that runs programs, from its fork on: for every directory that it is told
/// it runs the command there.
///
/// @param orders  its end of the connection: seconds as a double and a path come, a `RunEnding`
///                goes back
[[noreturn]] void watch(isolation::Descriptor orders, const std::vector<std::string>& command);

}  // namespace invar::model_process
