#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "invar/options/table.hpp"
#include "invar/regression/objective.hpp"
#include "invar/space/transform.hpp"

namespace invar::regression {

enum class SamplingMethod { mc, rqmc };
/// Which derivatives of the model are asked for.
enum class DerivativeUse { automatic, none };

/// Options of `method: regression_vi`; what is not given is chosen for the dimension d.
struct RegressionViOptions {
  std::uint64_t random_seed = 1;
  Family family = Family::full;
  double accuracy = 0.05;
  int max_evaluations = 1000;
  std::optional<int> sample_size = {};        // runs per round
  std::optional<int> first_sample_size = {};  // the most runs that are drawn from the start
  std::optional<int> starts = {};             // the most starts
  std::optional<double> trust_radius = {};    // nats
  SamplingMethod sampling_method = SamplingMethod::rqmc;
  DerivativeUse derivatives = DerivativeUse::automatic;
  int num_draws = 1000;
  space::TransformMap transform_map = space::TransformMap::sigmoid;
  double transform_interior_margin = 0.0;
};

/// The keys of the method under `inference:`.
const options::Table<RegressionViOptions>& regression_vi_table();

}  // namespace invar::regression
