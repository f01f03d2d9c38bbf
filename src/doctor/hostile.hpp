#pragma once

#include <Eigen/Core>

#include "doctor/points.hpp"
#include "doctor/results.hpp"
#include "doctor/subject.hpp"

namespace invar::doctor {

/// Runs the model at a hostile point, and then at a usual one, whose answer must be the one before.
///
/// A model that takes its process along, or never comes back, is found by whoever watches.
///
/// Shapes: noise_std m.
/// MPI:    rank 0 of the subject's group.
/// Cost:   2 runs, and one where `usual` is empty.
/// @param mean   a usual point
/// @param usual  its outcome; made here where it has no QoIs
HostileRun check_hostile(Subject& subject, const HostilePoint& point, const Eigen::VectorXd& mean,
                         Outcome& usual, const Eigen::VectorXd& noise_std);

}  // namespace invar::doctor
