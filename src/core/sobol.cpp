#include "invar/core/sobol.hpp"

#include <string>
#include <vector>

#include <boost/random/sobol.hpp>

#include "invar/core/error.hpp"

namespace invar::core {
namespace {

/// The random bits of a node of the digit tree.
std::uint64_t node_bits(std::uint64_t key, std::uint64_t path) {
  return mix_bits((key ^ (path * 0xd1342543de82ef95ULL)) + 0x9e3779b97f4a7c15ULL);
}

/// Nested uniform scramble of 32 digits, then 20 free random ones; a double in (0, 1).
double scrambled_unit(std::uint32_t digits, std::uint64_t key) {
  std::uint32_t scrambled = 0;
  // The path to a node is its leading digits behind a marker bit, so that depth is part of it.
  for (std::uint32_t depth = 0; depth < 32; ++depth) {
    const std::uint64_t path =
        (std::uint64_t{1} << depth) | (static_cast<std::uint64_t>(digits) >> (32U - depth));
    const auto flip = static_cast<std::uint32_t>(node_bits(key, path) >> 63U);
    scrambled = (scrambled << 1U) | (((digits >> (31U - depth)) & 1U) ^ flip);
  }
  const std::uint64_t leaf = (std::uint64_t{1} << 32U) | digits;
  const std::uint64_t tail = node_bits(key, leaf) >> 44U;
  return (static_cast<double>((static_cast<std::uint64_t>(scrambled) << 20U) | tail) + 0.5) *
         0x1p-52;
}

}  // namespace

Eigen::MatrixXd scrambled_sobol(const StreamKey& key, Eigen::Index num_dimensions,
                                Eigen::Index num_points) {
  INVAR_EXPECTS(num_dimensions >= 1 && num_points >= 0);
  if (num_dimensions > max_sobol_dimension) {
    throw Error(ErrorKind::config, "rqmc: Sobol' points are known for up to " +
                                       std::to_string(max_sobol_dimension) + " dimensions, found " +
                                       std::to_string(num_dimensions) +
                                       "; use `sampling_method: mc`");
  }
  std::vector<std::uint64_t> dimension_keys(static_cast<std::size_t>(num_dimensions));
  for (std::size_t j = 0; j < dimension_keys.size(); ++j) {
    const auto bits = random_bits(key, 0xffffffffU, static_cast<std::uint32_t>(j));
    dimension_keys[j] = (static_cast<std::uint64_t>(bits[0]) << 32U) | bits[1];
  }
  boost::random::sobol_engine<std::uint32_t, 32> sequence(static_cast<std::size_t>(num_dimensions));
  Eigen::MatrixXd points(num_dimensions, num_points);
  for (Eigen::Index i = 0; i < num_points; ++i) {
    for (Eigen::Index j = 0; j < num_dimensions; ++j) {
      const std::uint32_t digits = i == 0 ? 0U : sequence();  // Boost leaves out the origin
      points(j, i) = scrambled_unit(digits, dimension_keys[static_cast<std::size_t>(j)]);
    }
  }
  return points;
}

}  // namespace invar::core
