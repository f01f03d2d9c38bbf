#pragma once

#include <string>

namespace invar::test {

// A study with everything right, and the file it names. Tests change one thing of it.
inline const std::string sound_study = R"(invar: 1
title: a line through three points
parameters:
  names: [slope, level]
  units: [m/s, m]
  prior: {family: diagonal, mean: [0, 1], std: [1, 2]}
  bounds: {min: [-5, -.inf], max: [5, .inf]}
observations:
  values: {file: in/obs.csv, columns: [y]}
  covariance: {std: 0.25}
model:
  type: linear
  matrix: [[0, 1], [1, 1], [2, 1]]
inference:
  method: run_vi
  sample_size: 16
  initial: {mean: 0.5, std: [0.1, 0.2]}
  optimizer_method: newton
  optimizer_config: {newton_metric: natural, max_iterations: 20}
evaluation: {retries: 1}
campaign: {restart_files_to_keep: 3}
)";

inline const std::string sound_data = "t,y\n0,1.1\n1,2.9\n2,5.2\n";

}  // namespace invar::test
