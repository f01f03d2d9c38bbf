#pragma once

#include <cstdint>

#include "invar/space/observations.hpp"
#include "invar/space/prior.hpp"

namespace invar::space {

/// A hash of prior, observations and noise, bit for bit: states that were reached with others must
/// not be mixed.
///
/// MPI: Local.
std::uint64_t fingerprint(const Prior& prior, const Observations& observations,
                          double covariance_regularization);

}  // namespace invar::space
