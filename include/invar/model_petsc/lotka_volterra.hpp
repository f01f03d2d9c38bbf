#pragma once

#include <memory>
#include <vector>

#include <mpi.h>

#include <Eigen/Core>

#include "invar/model/model.hpp"

namespace invar::model_petsc {

/// The keys of `model: {type: lotka_volterra}`.
///
/// Units: those of the rates' time.
struct LotkaVolterraOptions {
  Eigen::VectorXd times;     // increasing, from 0; of the study: 0, 1, 2, ... where not given
  double tolerance = 1e-10;  // error of one step in log u and log v
  int max_steps = 20000;
};

/// The table of those keys. MPI: Local.
const options::Table<LotkaVolterraOptions>& lotka_volterra_table();

/// What does not fit together. MPI: Local.
std::vector<model::OptionProblem> lotka_volterra_problems(const LotkaVolterraOptions& options,
                                                          const model::ProblemSizes& sizes);

/// Predator and prey: du/dt = (alpha - beta v) u, dv/dt = (-gamma + delta u) v.
///
/// Parameters x = log(alpha, beta, gamma, delta, u(0), v(0)). The state is p = log u, q = log v, so
/// that both stay positive: dp/dt = alpha - beta e^q, dq/dt = -gamma + delta e^p. QoIs are p and q
/// at each time: p(t0), q(t0), p(t1), q(t1), ...
///
/// Source: PETSc's TS, embedded Runge-Kutta pair with step control; steps end on the times exactly.
/// Shapes: parameters 6; QoIs twice the number of times.
/// MPI:    Collective on `group`, without communication: every rank computes the same.
/// Cost:   about 0.2 ms for 21 yearly times
/// @throws Error(config)  when `lotka_volterra_problems` finds any, or without times
/// Failure: rates or a state beyond the range of doubles, more than `max_steps` steps
std::unique_ptr<model::Model> make_lotka_volterra_model(const LotkaVolterraOptions& options,
                                                        MPI_Comm group);

}  // namespace invar::model_petsc
