#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/space/space.hpp"

namespace invar::doctor {

/// The prior mean, then draws from the prior, all inside the bounds; the same for the same seed.
///
/// Shapes: d x (1 + num_draws).
/// MPI:    Local.
Eigen::MatrixXd usual_points(const space::Space& space, std::uint64_t seed, Eigen::Index num_draws);

/// "the prior mean", "draw 3".
std::string name_of_point(long index);

/// A random direction in prior standard deviations, of about unit length there.
///
/// Shapes: d.
/// MPI:    Local.
Eigen::VectorXd random_direction(const space::Space& space, std::uint64_t seed,
                                 std::uint32_t which);

/// The largest t, at most `wanted`, for which x - t v and x + t v lie inside the bounds.
/// MPI: Local.
double largest_step(const space::Space& space, const Eigen::VectorXd& x, const Eigen::VectorXd& v,
                    double wanted);

/// Parameters that no sound campaign asks for.
struct HostilePoint {
  std::string name;  // what is wrong with them
  Eigen::VectorXd parameters;
};

/// NaN, infinities, and values far outside the prior and the bounds: in all parameters, and in some
/// of them alone.
/// MPI: Local.
std::vector<HostilePoint> hostile_points(const space::Space& space);

}  // namespace invar::doctor
