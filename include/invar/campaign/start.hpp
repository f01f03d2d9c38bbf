#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "invar/campaign/study.hpp"
#include "invar/method/method.hpp"

namespace invar::campaign {

/// The restart file that a study branches from: `inference.initial.from` itself, or the newest of
/// the campaign it names (or the one of `round`).
///
/// MPI: Manager only.
///
/// @param base  the folder that `from` is relative to
/// @pre initial.from is given
/// @throws Error(no_input)  when there is none
std::filesystem::path branch_origin(const InitialOptions& initial,
                                    const std::filesystem::path& base);

/// Makes the method of a study at its start.
///
/// MPI: Manager only.
///
/// @param base           the folder that `inference.initial.from` and `study.reuse` are relative to
/// @param can            what the model gives
/// @param files          of a campaign that is not there yet, as `reused_runs` takes them
/// @throws Error(config, data, no_input)  when the campaign to branch from does not fit, or runs to
///                                        reuse are missing or damaged
std::unique_ptr<method::Method> make_method(const Study& study, const std::filesystem::path& base,
                                            const core::Capabilities& can,
                                            const std::map<std::string, std::string>& files = {});

}  // namespace invar::campaign
