#pragma once

#include <memory>
#include <vector>

#include <mpi.h>

#include <Eigen/Core>

#include "invar/model/model.hpp"

namespace invar::model_petsc {

/// The keys of `model: {type: linear}`.
///
/// Shapes: matrix m x d; offset m, or one number for all QoIs.
struct LinearOptions {
  Eigen::MatrixXd matrix;
  Eigen::VectorXd offset = Eigen::VectorXd::Zero(1);
};

/// The table of those keys. MPI: Local.
const options::Table<LinearOptions>& linear_table();

/// What does not fit together. MPI: Local.
std::vector<model::OptionProblem> linear_problems(const LinearOptions& options,
                                                  const model::ProblemSizes& sizes);

/// The linear model: q = G theta + b.
///
/// The rows of G are spread over the group, q is gathered on its rank 0.
///
/// Shapes: theta d, q m, G m x d, b m.
/// MPI:    Collective on `group`.
/// Cost:   m d multiplications per evaluation, shared by the ranks.
/// @throws Error(config)  when `linear_problems` finds any
std::unique_ptr<model::Model> make_linear_model(const LinearOptions& options, MPI_Comm group);

}  // namespace invar::model_petsc
