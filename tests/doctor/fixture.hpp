#pragma once

#include <string>

#include <Eigen/Core>

#include "doctor/patient.hpp"
#include "invar/space/space.hpp"

namespace invar::test {

/// Three parameters around 0 with standard deviation 0.5, without bounds.
inline space::Space small_space(const space::Bounds& bounds = space::Bounds::none(3)) {
  return {.names = {"a", "b", "c"},
          .units = {"", "", ""},
          .prior = space::Prior::diagonal(Eigen::Vector3d::Zero(), Eigen::Vector3d::Constant(0.5)),
          .bounds = bounds};
}

inline doctor::Patient small_patient() {
  return {.study = "study.yaml",
          .model_type = "lying",
          .space = small_space(),
          .noise_std = Eigen::VectorXd::Constant(5, 0.05),
          .timeout_s = {},
          .num_draws = 3,
          .num_calls = 40};
}

}  // namespace invar::test
