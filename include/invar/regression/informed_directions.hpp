#pragma once

#include <Eigen/Core>

namespace invar::regression {

/// Which directions to keep of many.
struct Truncation {
  double tail = 0.0;        // root of the sum of squares of what is left out, if it can be had
  Eigen::Index most = 0;    // directions that may be had for it
  double rough_tail = 0.0;  // beyond them, this has to do
  Eigen::Index most_ever = 0;
};

/// The leading left singular vectors of a matrix, so many that the rest is below the tail.
///
/// Shapes: columns d x c; result d x r, orthonormal, by falling singular value.
/// MPI:    Local.
/// Cost:   O(d c^2) for c < d.
Eigen::MatrixXd leading_directions(const Eigen::MatrixXd& columns, const Truncation& truncation);

/// Fewer columns with the same Gram matrix of rows C C^T, up to singular values below `negligible`.
///
/// Shapes: columns d x c; result d x r, orthogonal.
Eigen::MatrixXd compressed(const Eigen::MatrixXd& columns, double negligible);

/// What is left of columns outside the span of an orthonormal basis.
Eigen::MatrixXd outside(const Eigen::MatrixXd& basis, const Eigen::MatrixXd& columns);

/// Random directions that the columns of a matrix do not span, up to a tail: whether more columns
/// of the kind would bring anything new.
///
/// The columns are draws of a random vector; its directions are known when all but the last few
/// draws explain these too.
///
/// Source: Halko, Martinsson, Tropp 2011, doi:10.1137/090771806, section 4.3.
/// Shapes: draws m x n.
bool are_exhausted(const Eigen::MatrixXd& draws, double tail);

}  // namespace invar::regression
