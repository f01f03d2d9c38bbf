#pragma once

#include <cstdint>

#include <Eigen/Core>

#include "invar/regression/regression_vi_options.hpp"

namespace invar::regression {

/// Where in a method's random numbers a batch has its own.
struct DrawKey {
  std::uint32_t stream = 0;  // of the start, or of a climb
  std::uint32_t number = 0;  // of the batch there
};

/// The standard normals of a batch: scrambled Sobol' points, or independent ones.
///
/// Shapes: d x number.
Eigen::MatrixXd standard_points(const RegressionViOptions& options, const DrawKey& key,
                                Eigen::Index dimension, Eigen::Index number);

}  // namespace invar::regression
