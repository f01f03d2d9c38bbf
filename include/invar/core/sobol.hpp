#pragma once

#include <Eigen/Core>

#include "invar/core/random.hpp"

namespace invar::core {

/// The largest dimension for which direction numbers are known.
inline constexpr Eigen::Index max_sobol_dimension = 3667;

/// The first points of a Sobol' sequence, randomized by Owen's nested uniform scrambling.
///
/// Every binary digit of a coordinate is flipped by a random bit that depends on all digits before
/// it; beyond the 32 digits of the sequence the digits are independent random bits. Each point is
/// uniform on (0,1)^d and the first 2^k points stay a digital net.
///
/// Source: Joe & Kuo 2008 direction numbers (Boost.Random), doi:10.1137/070709359;
///         Owen 1995, Randomly permuted (t,m,s)-nets, doi:10.1007/978-1-4612-2552-2_19.
///         The bit of a node of the digit tree is a hash of its path, keyed per dimension by
///         Philox.
/// Shapes: num_dimensions x num_points, a column per point, from index 0 of the sequence.
/// MPI:    Local.
/// Cost:   32 hashes per entry.
///
/// @throws Error(config)  when num_dimensions > max_sobol_dimension
Eigen::MatrixXd scrambled_sobol(const StreamKey& key, Eigen::Index num_dimensions,
                                Eigen::Index num_points);

}  // namespace invar::core
