#pragma once

#include <optional>
#include <string>
#include <vector>

#include <mpi.h>

#include <Eigen/Core>

#include "invar/model_petsc/poisson.hpp"
#include "invar/petsc/handle.hpp"
#include "model_petsc/solver_options.hpp"

namespace invar::model_petsc {

/// Horizontal lines of interior grid nodes, [begin, end) of 0 ... n - 2 from below.
struct GridLines {
  PetscInt begin = 0;
  PetscInt end = 0;
};

/// The lines of one rank: as even as can be, in the order of the ranks.
GridLines lines_of_rank(int n, int rank, int num_ranks);

/// The linear system of `poisson`: assembled anew for each coefficient, kept otherwise.
///
/// Unknown i + (n - 1) j is u at node ((i + 1) h, (j + 1) h), h = 1/n; a rank owns whole lines.
///
/// MPI: Collective on `group`.
class PoissonSystem {
 public:
  /// @throws Error(config)  when PETSc refuses the options of the solver
  PoissonSystem(const PoissonOptions& options, MPI_Comm group);

  /// Assembles and solves.
  ///
  /// @param coefficients  a of the k^2 blocks, the same on all ranks
  /// @return              why there is no solution; none when there is one
  std::optional<std::string> solve(const Eigen::VectorXd& coefficients);

  /// Solves A x = b with the matrix as `solve` assembled it last, and what the solver made of it.
  ///
  /// @return  as of `solve`; after a failure `solve` comes first again
  std::optional<std::string> solve_for(Vec load, Vec solution);

  [[nodiscard]] const GridLines& lines() const { return lines_; }
  /// The group's communicator, as PETSc copied it.
  [[nodiscard]] MPI_Comm group() const;
  [[nodiscard]] Mat matrix() const { return matrix_.get(); }
  [[nodiscard]] Vec solution() const { return solution_.get(); }

  /// Options of the study that the solver has not asked for.
  [[nodiscard]] std::vector<std::string> unused_options() const {
    return solver_options_->unused();
  }

 private:
  void assemble(const Eigen::VectorXd& coefficients);
  void make_solver();

  PetscInt n_;
  PetscInt k_;
  double tolerance_;
  GridLines lines_;
  petsc::MatOwner matrix_;
  petsc::VecOwner load_;
  petsc::VecOwner solution_;
  std::optional<SolverOptions> solver_options_;  // none while the constructor runs
  petsc::KspOwner solver_;
};

}  // namespace invar::model_petsc
