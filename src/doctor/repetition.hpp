#pragma once

#include <Eigen/Core>

#include "doctor/results.hpp"
#include "doctor/subject.hpp"

namespace invar::doctor {

/// Runs the model at points, again in the reverse order, and, if wanted, in a new instance.
///
/// Shapes: points d x N, a column per point; noise_std m.
/// MPI:    rank 0 of the subject's group.
/// Cost:   2 N runs, or 3 N.
///
/// @throws parallel::CollectiveError  when the model cannot be made
Repetition check_repetition(Subject& subject, const Eigen::MatrixXd& points,
                            const Eigen::VectorXd& noise_std, bool with_fresh);

}  // namespace invar::doctor
