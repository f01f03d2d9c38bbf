#pragma once

// Campaigns of the toy model through the program, in a scratch folder.

#include <string>

#include <gtest/gtest.h>

#include "support/program.hpp"

namespace invar::test {

/// A study of three parameters and six QoIs; `extra` is appended, so it may hold whole sections.
inline std::string toy_study(const std::string& inference = "", const std::string& extra = "") {
  return R"(invar: 1
title: toy
parameters:
  names: [a, b, c]
  prior: {family: diagonal, mean: 1, std: 0.5}
observations:
  values: [2.5, 2.1, 1.8, 1.5, 1.3, 1.1]
  covariance: {std: 0.05}
inference:
  method: run_vi
  random_seed: 3
  sample_size: 16
  sampling_method: rqmc
  optimizer_config: {gradient_method: natural, max_iterations: 12}
  line_search_config: {initial_step_size: 0.2, max_step_size: 1.0}
)" + inference +
         (extra.empty() ? "model: {type: toy}\n" : extra);
}

/// A study whose line search rejects thirteen candidates after the first.
inline std::string study_with_rejections(const std::string& line_search = "") {
  return R"(invar: 1
title: toy
parameters:
  names: [a, b, c]
  prior: {family: diagonal, mean: 1, std: 0.5}
observations:
  values: [2.5, 2.1, 1.8, 1.5, 1.3, 1.1]
  covariance: {std: 0.05}
inference:
  method: run_vi
  random_seed: 3
  sample_size: 2
  sampling_method: rqmc
  optimizer_config: {gradient_method: natural, max_iterations: 12}
  line_search_config: {initial_step_size: 0.5, step_size_growth_factor: 30, relaxation_parameter: 1,
                       max_step_size_decrease_trys: 12, line_search_objective: mse)" +
         line_search + R"(}
model: {type: toy, sleep_s: 0.05}
)";
}

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() { write_file(folder_ / "study.yaml", toy_study()); }

  /// Runs the program in the scratch folder.
  ProgramResult invar(const std::string& arguments, int num_ranks = 1, double timeout_s = 60) {
    return run_shell("sh -c 'cd " + folder_.path().string() + " && exec " +
                         on_ranks(num_ranks, program()) + " " + arguments + "'",
                     timeout_s);
  }

  static std::string program() { return INVAR_BINARY_DIR "/tests/invar_with_toy"; }

  /// Compares two campaigns in everything that must be equal; what differs, or "".
  std::string difference(const std::string& a, const std::string& b) {
    const ProgramResult result = run_shell(std::string(INVAR_BINARY_DIR) + "/bin/campaign_equal " +
                                           (folder_ / a / "campaign.h5").string() + " " +
                                           (folder_ / b / "campaign.h5").string());
    return result.exit_code == 0 ? "" : result.out + result.err;
  }

  ScratchFolder folder_;
};

}  // namespace invar::test
