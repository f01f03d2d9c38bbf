#pragma once

#include <mpi.h>

#include <Eigen/Core>

#include "invar/petsc/handle.hpp"
#include "model_petsc/poisson_system.hpp"

namespace invar::model_petsc {

/// The rows of A u, taken apart by the block of the coefficient that they come from.
///
/// A = sum_b a_b A_b, and A_b sums the element matrices of block b; nothing is assembled here.
///
/// Shapes: coefficients k^2, the same on all ranks.
/// MPI:    Collective on the communicator of the vectors.
class ElementForces {
 public:
  /// @param like  a vector of the rows' layout
  ElementForces(const PoissonOptions& options, const GridLines& lines, Vec like);

  /// Takes u: a rank gets its lines and one more on either side.
  void set_solution(Vec solution);

  /// A(c) u; the c may have any sign.
  void apply(const Eigen::VectorXd& coefficients, Vec result) const;

  /// v^T A_b u of every block b on rank 0 of the group, nothing elsewhere.
  [[nodiscard]] Eigen::VectorXd products(Vec other, MPI_Comm group) const;

 private:
  /// visit(owned row, block, force): what each of the four elements around a node adds.
  template <class Visit>
  void for_each_force(const Visit& visit) const;

  PetscInt n_;
  PetscInt k_;
  GridLines lines_;
  PetscInt first_line_;         // that is known here
  petsc::ScatterOwner nearby_;  // from all lines to those known here
  petsc::VecOwner solution_;    // those
};

}  // namespace invar::model_petsc
