#pragma once

#include <string>

#include "app/arguments.hpp"

namespace invar::app {

/// `invar export`: writes the posterior of a campaign as a file that other tools read; says what is
/// in it.
///
/// MPI: Manager only; the campaign may be running.
/// @throws Error(usage)     when the file is of no kind that is known, or there already
/// @throws Error(no_input)  when the directory is not a campaign, or has no posterior yet
/// @throws Error(data)      when campaign.h5 is damaged
/// @throws Error(io)        when the file cannot be written; nothing is left of it then
std::string export_posterior(const Arguments& arguments);

}  // namespace invar::app
