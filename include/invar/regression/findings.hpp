#pragma once

#include <string>
#include <vector>

#include "invar/method/method.hpp"

namespace invar::regression {

/// Whether a mean misfit |r|^2 of so many residuals is more than the noise explains.
bool is_misfit_bad(double misfit, Eigen::Index num_residuals);

/// What the diagnostics of an answer mean, in plain words.
///
/// @param posterior  with its diagnostics
/// @param names      of the parameters
std::vector<std::string> findings(const method::Posterior& posterior,
                                  const std::vector<std::string>& names,
                                  Eigen::Index num_residuals);

}  // namespace invar::regression
