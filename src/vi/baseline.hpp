#pragma once

#include <Eigen/Core>

#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// f less the baseline that is the same for all components: none or loo.
inline Eigen::VectorXd weights_of(const Eigen::VectorXd& f, BaselineMethod baseline) {
  if (baseline != BaselineMethod::loo) {
    return f;
  }
  const auto num_samples = static_cast<double>(f.size());
  return f.array() - (f.sum() - f.array()) / (num_samples - 1.0);
}

}  // namespace invar::vi
