#pragma once

#include <array>
#include <cstdint>

#include <Eigen/Core>

namespace invar::core {

/// What a stream of random numbers is for; streams of different purpose never share numbers.
enum class Purpose : std::uint32_t {
  variational_draws = 1,
  scramble = 2,
  moments = 3,
  examination = 4,
  posterior_draws = 5,
  uninformed_directions = 6,
  exported_draws = 32,
  test = 250
};

/// The place of a block of random numbers in a campaign.
///
/// Randomness is a pure function of this key and the position inside the block, so that it does
/// not depend on the number of workers, on the order of arrival or on interruptions.
struct StreamKey {
  std::uint64_t seed = 1;
  Purpose purpose = Purpose::variational_draws;
  std::uint32_t iteration = 0;
  std::uint32_t block = 0;  // < 2^24
};

/// 128 random bits at (key, sample, dimension).
///
/// Source: Philox4x32-10; Salmon, Moraes, Dror, Shaw 2011, Parallel random numbers: as easy as
///         1, 2, 3, doi:10.1145/2063384.2063405.
/// MPI:    Local.
std::array<std::uint32_t, 4> random_bits(const StreamKey& key, std::uint32_t sample,
                                         std::uint32_t dimension);

/// A bijection of 64 bits in which every bit reaches every other: a cheap hash.
///
/// Source: finaliser of SplitMix64; Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195.
/// MPI:    Local.
constexpr std::uint64_t mix_bits(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

/// Independent standard normals by the Box-Muller transform of `random_bits`.
///
/// A prefix of the samples does not depend on how many are asked for.
///
/// Shapes: num_dimensions x num_samples, a column per sample.
/// MPI:    Local.
/// Cost:   one Philox block for two numbers.
Eigen::MatrixXd standard_normals(const StreamKey& key, Eigen::Index num_dimensions,
                                 Eigen::Index num_samples);

/// The standard normal quantile of every entry, in place.
///
/// Shapes: any; entries in (0, 1).
/// MPI:    Local.
void normal_quantile_in_place(Eigen::Ref<Eigen::MatrixXd> uniforms);

}  // namespace invar::core
