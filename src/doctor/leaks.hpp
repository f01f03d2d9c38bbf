#pragma once

#include <Eigen/Core>

#include "doctor/results.hpp"
#include "doctor/subject.hpp"

namespace invar::doctor {

/// Runs before anything is counted, in which allocators and caches settle.
inline constexpr long num_calls_to_settle = 20;

/// Runs the model many times and counts before, in the middle and after. Derivatives are asked for
/// in every fourth run where there are any.
///
/// Shapes: points d x N.
/// MPI:    rank 0 of the subject's group.
/// Cost:   num_calls + 20 runs.
Leaks check_leaks(Subject& subject, const Eigen::MatrixXd& points, long num_calls);

}  // namespace invar::doctor
