#pragma once

#include <memory>

#include "invar/model/model.hpp"

namespace invar::test {

/// The keys of `model: {type: toy}`.
struct ToyOptions {
  double sleep_s = 0.0;
  double sleep_sigma = 0.0;    // of the logarithm of the time, which is a function of the point
  double fail_above = 1e300;   // of the first parameter: the model says that it failed
  double throw_above = 1e300;  // it throws
  double nan_above = 1e300;    // it gives NaN
  double hang_above = 1e300;   // it never returns
};

/// A cheap nonlinear model with as many QoIs as there are observations, and ways to fail:
/// q_k = sum_j exp(-x_j (k+1) / m). It does not use its group.
model::ModelType toy_model();

std::unique_ptr<model::Model> make_toy_model(const ToyOptions& options,
                                             const model::ProblemSizes& sizes);

}  // namespace invar::test
