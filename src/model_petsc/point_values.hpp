#pragma once

#include <vector>

#include <mpi.h>

#include <Eigen/Core>

#include "model_petsc/poisson_system.hpp"

namespace invar::model_petsc {

/// Values of a grid function at points of the square, by bilinear interpolation.
///
/// Each rank adds up what its own lines give; of a point between two lines there are two such sums
/// at most, so that the total does not depend on the order in which ranks are summed.
///
/// Shapes: points 2 x m.
class PointValues {
 public:
  PointValues(int n, const GridLines& lines, const Eigen::Matrix2Xd& points);

  /// The values on rank 0 of the group, nothing elsewhere.
  /// MPI: Collective on `group`.
  [[nodiscard]] Eigen::VectorXd gather(Vec solution, MPI_Comm group) const;

  /// The transpose: the grid function that sum_p w_p u(point p) is the scalar product of u with.
  /// MPI: Local; the same weights on all ranks.
  void spread(const Eigen::VectorXd& weights, Vec result) const;

  [[nodiscard]] Eigen::Index num_points() const { return num_points_; }

 private:
  /// What one owned line gives to one point.
  struct Term {
    Eigen::Index point;
    Eigen::Index left;  // local index of the node on the left; -1 where it is on the boundary
    Eigen::Index right;
    double left_weight;
    double right_weight;
  };

  Eigen::Index num_points_;
  std::vector<Term> terms_;
};

/// The points ((i + 1) / (p + 1), (j + 1) / (p + 1)), i, j = 0 ... p - 1, j fastest.
Eigen::Matrix2Xd point_grid(int points_per_side);

}  // namespace invar::model_petsc
