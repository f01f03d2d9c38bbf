#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "invar/options/table.hpp"
#include "invar/regression/derivative_source.hpp"
#include "invar/space/transform.hpp"

namespace invar::regression {

enum class SamplingMethod { mc, rqmc };
/// The Gaussians that are looked at; automatic: any covariance, or of low rank beside the prior's
/// where there are too many parameters.
enum class FamilyChoice { automatic, full, mean_field, low_rank };

/// Options of `method: regression_vi`; what is not given is chosen for the dimension d.
struct RegressionViOptions {
  std::uint64_t random_seed = 1;
  FamilyChoice family = FamilyChoice::automatic;
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
