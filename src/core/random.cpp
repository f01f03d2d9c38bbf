#include "invar/core/random.hpp"

#include <cmath>
#include <numbers>

#include <Random123/philox.h>
#include <boost/math/special_functions/erf.hpp>

#include "invar/core/error.hpp"

namespace invar::core {
namespace {

/// A double in (0, 1) from 52 bits, never 0 or 1.
double open_unit(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = (static_cast<std::uint64_t>(high) << 20U) | (low >> 12U);
  return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

}  // namespace

std::array<std::uint32_t, 4> random_bits(const StreamKey& key, std::uint32_t sample,
                                         std::uint32_t dimension) {
  INVAR_EXPECTS(key.block < (1U << 24U));
  const r123::Philox4x32::ctr_type counter = {
      {(static_cast<std::uint32_t>(key.purpose) << 24U) | key.block, key.iteration, sample,
       dimension}};
  const r123::Philox4x32::key_type philox_key = {
      {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32U)}};
  const auto bits = r123::Philox4x32{}(counter, philox_key);
  return {bits[0], bits[1], bits[2], bits[3]};
}

Eigen::MatrixXd standard_normals(const StreamKey& key, Eigen::Index num_dimensions,
                                 Eigen::Index num_samples) {
  Eigen::MatrixXd normals(num_dimensions, num_samples);
  for (Eigen::Index i = 0; i < num_samples; ++i) {
    for (Eigen::Index j = 0; j < num_dimensions; j += 2) {
      const auto bits =
          random_bits(key, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j / 2));
      const double radius = std::sqrt(-2.0 * std::log(open_unit(bits[0], bits[1])));
      const double angle = 2.0 * std::numbers::pi * open_unit(bits[2], bits[3]);
      normals(j, i) = radius * std::cos(angle);
      if (j + 1 < num_dimensions) {
        normals(j + 1, i) = radius * std::sin(angle);
      }
    }
  }
  return normals;
}

void normal_quantile_in_place(Eigen::Ref<Eigen::MatrixXd> uniforms) {
  for (double& u : uniforms.reshaped()) {
    u = -std::numbers::sqrt2 * boost::math::erfc_inv(2.0 * u);
  }
}

}  // namespace invar::core
