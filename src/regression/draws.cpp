#include "invar/regression/draws.hpp"

#include "invar/core/random.hpp"
#include "invar/core/sobol.hpp"

namespace invar::regression {

Eigen::MatrixXd standard_points(const RegressionViOptions& options, const DrawKey& key,
                                Eigen::Index dimension, Eigen::Index number) {
  core::StreamKey stream{.seed = options.random_seed, .iteration = key.number, .block = key.stream};
  if (options.sampling_method == SamplingMethod::mc || dimension > core::max_sobol_dimension) {
    return core::standard_normals(stream, dimension, number);
  }
  stream.purpose = core::Purpose::scramble;
  Eigen::MatrixXd points = core::scrambled_sobol(stream, dimension, number);
  core::normal_quantile_in_place(points);
  return points;
}

}  // namespace invar::regression
