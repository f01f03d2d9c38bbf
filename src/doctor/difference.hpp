#pragma once

#include <vector>

#include <Eigen/Core>

#include "doctor/results.hpp"

namespace invar::doctor {

/// How far runs are from earlier ones at the same points.
///
/// Runs that failed in both series alike are the same. A run that ended otherwise is different, and
/// its numbers are not compared.
///
/// Shapes: as many runs in both series; noise_std m.
/// MPI:    Local.
Difference compare(const std::vector<Outcome>& before, const std::vector<Outcome>& now,
                   const Eigen::VectorXd& noise_std);

}  // namespace invar::doctor
