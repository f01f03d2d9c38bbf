#pragma once

#include <filesystem>
#include <memory>

#include "invar/campaign/study.hpp"
#include "invar/method/method.hpp"

namespace invar::campaign {

/// Makes the method of a study at its start.
///
/// @param base  the folder that `inference.initial.from` is relative to
/// @throws Error(config, data, no_input)  when the campaign to branch from does not fit
/// MPI: Manager only.
std::unique_ptr<method::Method> make_method(const Study& study, const std::filesystem::path& base);

}  // namespace invar::campaign
