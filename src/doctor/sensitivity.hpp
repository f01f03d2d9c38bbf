#pragma once

#include <vector>

#include <Eigen/Core>

#include "doctor/results.hpp"
#include "doctor/subject.hpp"
#include "invar/space/space.hpp"

namespace invar::doctor {

/// The most parameters that are moved one by one.
inline constexpr Eigen::Index most_parameters_moved = 100;

/// Moves one parameter after the other by a prior standard deviation from the prior mean, the other
/// way too, and from a draw, until a QoI reacts.
///
/// To react is to change by more than rounding, 1e-14 of the value.
///
/// Shapes: points d x N, the prior mean first.
/// MPI:    rank 0 of the subject's group.
/// Cost:   N runs, and one per parameter; up to four for one without effect.
Sensitivity check_sensitivity(Subject& subject, const space::Space& space,
                              const Eigen::MatrixXd& points);

}  // namespace invar::doctor
