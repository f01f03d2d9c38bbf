#pragma once

#include <cstdint>

#include <Eigen/Core>

#include "doctor/results.hpp"
#include "doctor/subject.hpp"
#include "invar/space/space.hpp"

namespace invar::doctor {

/// The steps of the differences, in prior standard deviations.
inline constexpr int num_derivative_steps = 8;  // 1e-1 ... 1e-8

/// Compares the derivatives that the model gives at x with central differences
/// s_h = (q(x + h v) - q(x - h v)) / (2 h) along a random direction v, over a range of steps h.
///
/// Errors, for a random weight w: |J v - s_h| / |s_h| for the Jacobian and for its product with v,
/// |(w^T J) v - w^T s_h| / (|w| |s_h|) for w^T J; and among each other, relative to |w| |J v|:
/// w^T (J v) and (w^T J) v.
///
/// Where the Jacobian is off, each of its columns is compared with differences (of the best step)
/// of its own parameter, for at most 100 of them.
///
/// Source: the central difference errs by O(h^2) + O(eps / h), so that the best step is what
/// counts. Shapes: x d. MPI:    rank 0 of the subject's group. Cost:   17 runs, and two per
/// parameter where the Jacobian is off.
/// @param which  of the points this is, for the report and for the random numbers
/// @pre          the model gives derivatives
DerivativesAt check_derivatives(Subject& subject, const space::Space& space,
                                const Eigen::VectorXd& x, std::uint64_t seed, long which);

}  // namespace invar::doctor
