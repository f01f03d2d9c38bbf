#include "model_petsc/point_values.hpp"

#include <algorithm>
#include <cmath>

#include "invar/petsc/check.hpp"

namespace invar::model_petsc {

using petsc::check;

PointValues::PointValues(int n, const GridLines& lines, const Eigen::Matrix2Xd& points)
    : num_points_(points.cols()) {
  const auto last_element = static_cast<PetscInt>(n - 1);
  for (Eigen::Index p = 0; p < points.cols(); ++p) {
    const Eigen::Vector2d scaled = points.col(p) * n;
    const PetscInt element_x =
        std::min(static_cast<PetscInt>(std::floor(scaled.x())), last_element);
    const PetscInt element_y =
        std::min(static_cast<PetscInt>(std::floor(scaled.y())), last_element);
    const double x = scaled.x() - element_x;
    const double y = scaled.y() - element_y;
    for (const PetscInt above : {0, 1}) {
      const PetscInt line = element_y + above - 1;  // nodes count from 0 on the boundary
      if (line < lines.begin || line >= lines.end) {
        continue;
      }
      const Eigen::Index start = static_cast<Eigen::Index>(line - lines.begin) * last_element;
      const double weight = above == 1 ? y : 1.0 - y;
      terms_.push_back({.point = p,
                        .left = element_x == 0 ? -1 : start + element_x - 1,
                        .right = element_x == last_element ? -1 : start + element_x,
                        .left_weight = weight * (1.0 - x),
                        .right_weight = weight * x});
    }
  }
}

Eigen::VectorXd PointValues::gather(Vec solution, MPI_Comm group) const {
  Eigen::VectorXd mine = Eigen::VectorXd::Zero(num_points_);
  const double* u = nullptr;
  check(VecGetArrayRead(solution, &u));
  for (const Term& term : terms_) {
    mine[term.point] += (term.left >= 0 ? term.left_weight * u[term.left] : 0.0) +
                        (term.right >= 0 ? term.right_weight * u[term.right] : 0.0);
  }
  check(VecRestoreArrayRead(solution, &u));
  int rank = 0;
  MPI_Comm_rank(group, &rank);
  Eigen::VectorXd all(rank == 0 ? num_points_ : 0);
  MPI_Reduce(mine.data(), all.data(), static_cast<int>(num_points_), MPI_DOUBLE, MPI_SUM, 0, group);
  return all;
}

void PointValues::spread(const Eigen::VectorXd& weights, Vec result) const {
  check(VecSet(result, 0.0));
  double* sums = nullptr;
  check(VecGetArray(result, &sums));
  for (const Term& term : terms_) {
    if (term.left >= 0) {
      sums[term.left] += term.left_weight * weights[term.point];
    }
    if (term.right >= 0) {
      sums[term.right] += term.right_weight * weights[term.point];
    }
  }
  check(VecRestoreArray(result, &sums));
}

Eigen::Matrix2Xd point_grid(int points_per_side) {
  const Eigen::Index p = points_per_side;
  Eigen::Matrix2Xd points(2, p * p);
  for (Eigen::Index i = 0; i < p; ++i) {
    for (Eigen::Index j = 0; j < p; ++j) {
      points.col(p * i + j) << static_cast<double>(i + 1) / static_cast<double>(p + 1),
          static_cast<double>(j + 1) / static_cast<double>(p + 1);
    }
  }
  return points;
}

}  // namespace invar::model_petsc
