#pragma once

#include <memory>
#include <string>
#include <vector>

#include <mpi.h>

#include <Eigen/Core>

#include "invar/model/model.hpp"

namespace invar::model_petsc {

/// The keys of `model: {type: poisson}`.
///
/// Units: lengths in sides of the square.
struct PoissonOptions {
  int n = 32;                    // elements along a side
  int k = 8;                     // blocks of constant coefficient along a side; divides n
  double source = 10.0;          // f
  int points_per_side = 13;      // observed at ((i + 1) / (p + 1), (j + 1) / (p + 1)), j fastest
  Eigen::Matrix2Xd points = {};  // observed here instead, a column per point; empty: the grid above
  double tolerance = 1e-13;      // of the linear solver, relative
  std::string petsc_options = {};  // such as "-pc_type gamg"
};

/// The table of those keys. MPI: Local.
const options::Table<PoissonOptions>& poisson_table();

/// What does not fit together. MPI: Local.
std::vector<model::OptionProblem> poisson_problems(const PoissonOptions& options,
                                                   const model::ProblemSizes& sizes);

/// Stationary diffusion: -div(a grad u) = f on the unit square, u = 0 on its boundary.
///
/// Bilinear elements on n x n squares, the load integrated exactly. The coefficient a is constant
/// on each of k x k blocks; parameters are log a, block (I, J) at index I + k J, I along x. QoIs
/// are the values of u at points, by bilinear interpolation.
///
/// The linear system is solved by PETSc's KSP, by default conjugate gradients with a Cholesky
/// factorisation of each rank's block. Its options come, the strongest first, from the program's
/// command line with the prefix `poisson_` (-poisson_ksp_type cg), from there without it
/// (-ksp_type cg; -ksp_*, -pc_*, -mg_* and -sub_* only), and from `petsc_options`. For large n on
/// many ranks -pc_type gamg scales better; but what GAMG estimates depends on earlier runs in the
/// last bits, where the default gives the same bits whatever ran before.
///
/// Source: D. Aristoff, W. Bangerth, A benchmark for the Bayesian inversion of coefficients in
///         partial differential equations, SIAM Review 65(4), 2023, section 3, at n = 32, k = 8.
/// All derivatives are there: J v by a solve per direction, J^T w by an adjoint solve per weight, J
/// by min(d, m) of the one or the other; all of them with the factorisation of the run itself (see
/// `PoissonDerivatives`). Their error is that of the linear solver's tolerance.
///
/// Shapes: d = k^2 parameters; m QoIs, one per point.
/// MPI:    Collective on `group`; grid lines are spread over it, and no rank holds more rows of the
///         matrix than its share and one grid line.
/// Cost:   one factorisation and a solve of a few iterations per evaluation, and the solves of the
///         derivatives that are wanted; matrix, solver and vectors are kept.
/// @throws Error(config)  when `poisson_problems` finds any, when PETSc refuses or does not use one
///                        of `petsc_options`, or when the solver chosen fails for a = 1
/// Failure: coefficients beyond the range of doubles; a solver that does not converge
std::unique_ptr<model::Model> make_poisson_model(const PoissonOptions& options, MPI_Comm group);

}  // namespace invar::model_petsc
