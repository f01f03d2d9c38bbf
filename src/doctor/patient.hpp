#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <Eigen/Core>

#include "invar/space/space.hpp"

namespace invar::doctor {

/// What is known of a model before it is made: its study, as far as it matters here, and how
/// thoroughly it is examined. The same in all processes.
///
/// Shapes: d parameters, m observations.
struct Patient {
  std::string study;  // the file, for people
  std::string model_type;
  space::Space space;
  Eigen::VectorXd noise_std;  // m
  std::uint64_t seed = 1;
  int ranks_per_model = 1;          // of the study
  bool is_isolated = false;         // crashes and hangs cost a campaign one run each
  double failure_budget = 0.25;     // largest failed share that a campaign bears
  std::optional<double> timeout_s;  // of the study
  bool keeps_timeout = false;       // the model itself does

  long num_draws = 8;    // from the prior, beside its mean
  long num_calls = 100;  // in which leaks are looked for; 0: not at all
};

}  // namespace invar::doctor
