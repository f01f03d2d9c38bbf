#pragma once

#include <Eigen/Core>

#include "invar/space/transform.hpp"
#include "invar/vi/family.hpp"

namespace invar::vi {

/// Mean and standard deviation of every parameter in physical coordinates.
struct PhysicalMoments {
  Eigen::VectorXd mean;  // d
  Eigen::VectorXd std;   // d
};

/// The moments of theta = T(x) for x of the family; no model runs.
///
/// Parameters without a bound: exact. One bound: the log-normal's closed form. Two bounds: the
/// trapezoidal rule in s with x = sinh(s), which converges geometrically (1e-9 of the width for
/// standard deviations up to 1e3 in x).
///
/// Shapes: d.
/// Units:  those of the parameters.
/// MPI:    Local.
/// Cost:   about a hundred evaluations of T where there are bounds.
PhysicalMoments physical_moments(const Coordinates& at, const space::Transform& transform);

/// The covariance of theta = T(x).
///
/// Without a transform D R D. Else by Mehler's formula, cov_jk = sum_n R_jk^n c_jn c_kn with c_jn
/// the coefficients of T_j in normalised Hermite polynomials, up to n = 40; the diagonal is that of
/// `physical_moments`. What is left out is at most |R_jk|^41 std_j std_k, and far less where T is
/// smooth on the scale of the standard deviation. The result is positive semi-definite.
///
/// Source: Mehler 1866; Kendall 1941, doi:10.1093/biomet/32.2.196.
/// Shapes: d x d.
/// MPI:    Local.
/// Cost:   O(d^2) after O(d) quadratures.
Eigen::MatrixXd physical_covariance(const Coordinates& at, const Family& family,
                                    const space::Transform& transform);

}  // namespace invar::vi
