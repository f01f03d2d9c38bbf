#include "model_petsc/poisson_system.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "invar/petsc/check.hpp"

namespace invar::model_petsc {
namespace {

using petsc::check;

// Exact on one rank; on several, the blocks are the ranks' lines. Small pivots are no reason to
// stop: the matrix is an M-matrix, whose factors are accurate however small a is. The last makes
// GAMG forget the coefficient before; what it still remembers shows in the last bits alone.
constexpr const char* default_solver =
    "-ksp_type cg -pc_type bjacobi -sub_pc_type cholesky -sub_pc_factor_zeropivot 0 "
    "-pc_gamg_reuse_interpolation false";

int rank_in(MPI_Comm group) {
  int rank = 0;
  MPI_Comm_rank(group, &rank);
  return rank;
}

int size_of(MPI_Comm group) {
  int size = 0;
  MPI_Comm_size(group, &size);
  return size;
}

}  // namespace

GridLines lines_of_rank(int n, int rank, int num_ranks) {
  const auto first = [&](int r) {
    return static_cast<PetscInt>((static_cast<long long>(n - 1) * r) / num_ranks);
  };
  return {first(rank), first(rank + 1)};
}

PoissonSystem::PoissonSystem(const PoissonOptions& options, MPI_Comm group)
    : n_(options.n),
      k_(options.k),
      tolerance_(options.tolerance),
      lines_(lines_of_rank(options.n, rank_in(group), size_of(group))) {
  const PetscInt num_rows = (n_ - 1) * (n_ - 1);
  const PetscInt num_owned = (n_ - 1) * (lines_.end - lines_.begin);
  // A node is coupled to its 3 x 3 neighbourhood, of which two lines can be other ranks'.
  check(MatCreateAIJ(group, num_owned, num_owned, num_rows, num_rows, 9, nullptr, 6, nullptr,
                     matrix_.put()));
  check(MatSetOption(matrix_.get(), MAT_NO_OFF_PROC_ENTRIES, PETSC_TRUE));
  check(MatSetOption(matrix_.get(), MAT_SPD, PETSC_TRUE));
  check(MatCreateVecs(matrix_.get(), solution_.put(), load_.put()));
  const double h = 1.0 / static_cast<double>(n_);
  check(VecSet(load_.get(), options.source * h * h));
  solver_options_.emplace(
      SolverOptions::Sources{
          .model = "poisson", .study = options.petsc_options, .defaults = default_solver},
      reinterpret_cast<PetscObject>(matrix_.get()));
  try {
    make_solver();
  } catch (const Error& error) {
    throw Error(ErrorKind::config, std::string("`petsc_options`: ") + error.what());
  }
}

std::optional<std::string> PoissonSystem::solve(const Eigen::VectorXd& coefficients) {
  INVAR_EXPECTS(coefficients.size() == static_cast<Eigen::Index>(k_) * k_);
  assemble(coefficients);
  check(KSPSetOperators(solver_.get(), matrix_.get(), matrix_.get()));
  return solve_for(load_.get(), solution_.get());
}

std::optional<std::string> PoissonSystem::solve_for(Vec load, Vec solution) {
  std::string trouble;
  try {
    check(KSPSolve(solver_.get(), load, solution));
    KSPConvergedReason reason = KSP_CONVERGED_ITERATING;
    check(KSPGetConvergedReason(solver_.get(), &reason));
    if (reason > 0) {
      return std::nullopt;
    }
    PetscInt num_iterations = 0;
    check(KSPGetIterationNumber(solver_.get(), &num_iterations));
    trouble = fmt::format("the linear solver gave up after {} iterations: {}", num_iterations,
                          KSPConvergedReasons[reason]);
  } catch (const Error& error) {
    trouble = error.what();
  }
  make_solver();  // nothing of a failure may linger in it
  return trouble;
}

MPI_Comm PoissonSystem::group() const {
  MPI_Comm group = MPI_COMM_NULL;
  check(PetscObjectGetComm(reinterpret_cast<PetscObject>(matrix_.get()), &group));
  return group;
}

void PoissonSystem::make_solver() {
  solver_ = petsc::KspOwner();
  check(KSPCreate(group(), solver_.put()));
  check(KSPSetOptionsPrefix(solver_.get(), solver_options_->prefix().c_str()));
  check(KSPSetTolerances(solver_.get(), tolerance_, 0.0, PETSC_DEFAULT, PETSC_DEFAULT));
  check(KSPSetFromOptions(solver_.get()));
}

void PoissonSystem::assemble(const Eigen::VectorXd& coefficients) {
  const PetscInt elements_per_block = n_ / k_;
  const auto a = [&](PetscInt element_x, PetscInt element_y) {
    return coefficients[element_x / elements_per_block + k_ * (element_y / elements_per_block)];
  };
  // The element matrix is a/6 times [4 -1 -1 -2; -1 4 -2 -1; -1 -2 4 -1; -2 -1 -1 4].
  for (PetscInt j = lines_.begin; j < lines_.end; ++j) {
    for (PetscInt i = 0; i < n_ - 1; ++i) {
      const double south_west = a(i, j) / 6.0;
      const double south_east = a(i + 1, j) / 6.0;
      const double north_west = a(i, j + 1) / 6.0;
      const double north_east = a(i + 1, j + 1) / 6.0;
      const std::array<double, 9> stencil = {
          -2.0 * south_west,
          -(south_west + south_east),
          -2.0 * south_east,
          -(south_west + north_west),
          4.0 * (south_west + south_east + north_west + north_east),
          -(south_east + north_east),
          -2.0 * north_west,
          -(north_west + north_east),
          -2.0 * north_east};
      std::array<PetscInt, 9> columns{};
      std::size_t next = 0;
      for (PetscInt dy = -1; dy <= 1; ++dy) {
        for (PetscInt dx = -1; dx <= 1; ++dx) {
          const bool is_interior = i + dx >= 0 && i + dx < n_ - 1 && j + dy >= 0 && j + dy < n_ - 1;
          // PETSc leaves out negative columns: u is zero on the boundary.
          columns[next++] = is_interior ? (i + dx) + (n_ - 1) * (j + dy) : -1;
        }
      }
      const PetscInt row = i + (n_ - 1) * j;
      check(MatSetValues(matrix_.get(), 1, &row, 9, columns.data(), stencil.data(), INSERT_VALUES));
    }
  }
  check(MatAssemblyBegin(matrix_.get(), MAT_FINAL_ASSEMBLY));
  check(MatAssemblyEnd(matrix_.get(), MAT_FINAL_ASSEMBLY));
}

}  // namespace invar::model_petsc
