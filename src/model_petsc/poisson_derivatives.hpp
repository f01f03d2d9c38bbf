#pragma once

#include <optional>
#include <string>

#include <Eigen/Core>

#include "invar/model/model.hpp"
#include "model_petsc/element_forces.hpp"
#include "model_petsc/point_values.hpp"
#include "model_petsc/poisson_system.hpp"

namespace invar::model_petsc {

/// Derivatives of the values of u at points with respect to x = log a, after a solve.
///
/// With A(a) u = f, q = P u and A(a) = sum_b a_b A_b,
///
///     J v   = -P A^-1 A(a v) u                 one solve per direction v,
///     J^T w = -(a_b lambda^T A_b u) over b, A lambda = P^T w    one solve per w (A is symmetric),
///
/// and J itself is whichever of J I and I J needs fewer solves. All solves share the matrix and
/// what the solver made of it (the factorisation) for u.
///
/// Shapes: d = k^2 parameters, m points.
/// MPI:    Collective on the system's group; results on its rank 0.
/// Cost:   min(d, m) solves for J, and then none for products with it; else one per product.
/// Lifetime: `system` and `values` outlive this.
class PoissonDerivatives {
 public:
  PoissonDerivatives(const PoissonOptions& options, PoissonSystem& system,
                     const PointValues& values);

  /// Adds what the request wants to `result`.
  ///
  /// @param coefficients  a, for which the system was solved last
  /// @return              why a solve failed; none when all went well
  std::optional<std::string> add(const model::ModelRequest& request,
                                 const Eigen::VectorXd& coefficients, model::ModelResult& result);

 private:
  /// J V, a column per direction.
  std::optional<std::string> along(const Eigen::MatrixXd& directions,
                                   const Eigen::VectorXd& coefficients, Eigen::MatrixXd& products);
  /// J^T W, a column per weight.
  std::optional<std::string> against(const Eigen::MatrixXd& weights,
                                     const Eigen::VectorXd& coefficients,
                                     Eigen::MatrixXd& products);

  PoissonSystem& system_;
  const PointValues& values_;
  ElementForces forces_;
  petsc::VecOwner load_;
  petsc::VecOwner solution_;
};

}  // namespace invar::model_petsc
