#include "model_petsc/element_forces.hpp"

#include <algorithm>

#include "invar/petsc/check.hpp"

namespace invar::model_petsc {

using petsc::check;

ElementForces::ElementForces(const PoissonOptions& options, const GridLines& lines, Vec like)
    : n_(options.n), k_(options.k), lines_(lines) {
  first_line_ = std::max<PetscInt>(lines.begin - 1, 0);
  const PetscInt end_line = std::min<PetscInt>(lines.end + 1, n_ - 1);
  petsc::IndexSetOwner known;
  check(ISCreateStride(PETSC_COMM_SELF, (n_ - 1) * (end_line - first_line_), (n_ - 1) * first_line_,
                       1, known.put()));
  check(VecCreateSeq(PETSC_COMM_SELF, (n_ - 1) * (end_line - first_line_), solution_.put()));
  check(VecScatterCreate(like, known.get(), solution_.get(), nullptr, nearby_.put()));
}

void ElementForces::set_solution(Vec solution) {
  check(VecScatterBegin(nearby_.get(), solution, solution_.get(), INSERT_VALUES, SCATTER_FORWARD));
  check(VecScatterEnd(nearby_.get(), solution, solution_.get(), INSERT_VALUES, SCATTER_FORWARD));
}

template <class Visit>
void ElementForces::for_each_force(const Visit& visit) const {
  const double* known = nullptr;
  check(VecGetArrayRead(solution_.get(), &known));
  const auto u = [&](PetscInt i, PetscInt j) {
    const bool is_interior = i >= 0 && i < n_ - 1 && j >= 0 && j < n_ - 1;
    return is_interior ? known[i + (n_ - 1) * (j - first_line_)] : 0.0;
  };
  const PetscInt elements_per_block = n_ / k_;
  PetscInt row = 0;
  for (PetscInt j = lines_.begin; j < lines_.end; ++j) {
    for (PetscInt i = 0; i < n_ - 1; ++i, ++row) {
      for (const PetscInt dy : {-1, 1}) {
        for (const PetscInt dx : {-1, 1}) {
          // A row of the element matrix: 4 for the node, -1 along the sides, -2 across.
          const double force =
              (4.0 * u(i, j) - u(i + dx, j) - u(i, j + dy) - 2.0 * u(i + dx, j + dy)) / 6.0;
          const PetscInt element_x = dx < 0 ? i : i + 1;
          const PetscInt element_y = dy < 0 ? j : j + 1;
          visit(row, element_x / elements_per_block + k_ * (element_y / elements_per_block), force);
        }
      }
    }
  }
  check(VecRestoreArrayRead(solution_.get(), &known));
}

void ElementForces::apply(const Eigen::VectorXd& coefficients, Vec result) const {
  check(VecSet(result, 0.0));
  double* sums = nullptr;
  check(VecGetArray(result, &sums));
  for_each_force([&](PetscInt row, PetscInt block, double force) {
    sums[row] += coefficients[block] * force;
  });
  check(VecRestoreArray(result, &sums));
}

Eigen::VectorXd ElementForces::products(Vec other, MPI_Comm group) const {
  Eigen::VectorXd mine = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(k_) * k_);
  const double* v = nullptr;
  check(VecGetArrayRead(other, &v));
  for_each_force(
      [&](PetscInt row, PetscInt block, double force) { mine[block] += v[row] * force; });
  check(VecRestoreArrayRead(other, &v));
  int rank = 0;
  MPI_Comm_rank(group, &rank);
  Eigen::VectorXd all(rank == 0 ? mine.size() : 0);
  MPI_Reduce(mine.data(), all.data(), static_cast<int>(mine.size()), MPI_DOUBLE, MPI_SUM, 0, group);
  return all;
}

}  // namespace invar::model_petsc
