#pragma once

#include <string>

#include "app/arguments.hpp"
#include "invar/model/model.hpp"

namespace invar::app {

/// `invar rescore`: what the recorded runs say about a changed study, as text or JSON.
///
/// MPI: Manager only.
/// @throws Error(no_input, data, config)  config names the keys that no run of the campaign can
///                                        answer for
std::string rescore_text(const Arguments& arguments, const model::ModelRegistry& registry);

}  // namespace invar::app
