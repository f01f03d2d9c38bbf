#pragma once

#include <cstdint>
#include <optional>

#include <Eigen/Core>

#include "invar/method/method.hpp"
#include "invar/vi/moments.hpp"

namespace invar::regression {

/// The good runs with their weights.
struct WeighedRuns {
  Eigen::MatrixXd points;           // d x n, physical
  Eigen::VectorXd log_weights;      // n: target over the mixture that they were drawn from, the
                                    // likelihood without its constant
  double num_drawn = 0.0;           // the good ones and those that came to nothing
  std::int64_t num_rounds = 0;      // that they are of
  std::int64_t num_reused = 0;      // of earlier campaigns; the first of them
  Eigen::Index num_directions = 0;  // that the weights have to do with
  /// Of the weighted points, where the method knows them better than these few tell.
  std::optional<vi::PhysicalMoments> moments = {};
};

/// A method that keeps all runs and can weigh them.
class RegressionMethod : public method::Method {
 public:
  [[nodiscard]] virtual WeighedRuns weighed_runs() const = 0;
};

}  // namespace invar::regression
