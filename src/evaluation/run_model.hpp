#pragma once

#include <span>
#include <string>
#include <vector>

#include "invar/method/evaluation.hpp"
#include "invar/model/model.hpp"
#include "invar/parallel/comm.hpp"

namespace invar::evaluation {

/// What came of some requests that a group ran in one go.
struct ModelRun {
  std::vector<model::ModelResult> results;  // one for each request; on rank 0 of the group
  double wall_seconds = 0.0;                // all of them together
};

/// The request for a sample of a batch.
model::ModelRequest request_for(const method::Batch& batch, Eigen::Index sample);

/// The edge behind which a model may do what it likes: whatever it throws or returns comes back as
/// results, the same failure on all ranks of the group. A result that is ok has QoIs and all wanted
/// derivatives, of the right shapes and finite.
///
/// MPI: Collective on team, which the model does not use.
ModelRun run_model(model::Model& model, const std::vector<model::ModelRequest>& requests,
                   const parallel::Comm& team);

/// How often a request of a run may be repeated: not at all when it is ok, `retries` times when it
/// failed, and once at least when others were run with it and may have made it fail.
int num_retries(const ModelRun& run, std::size_t request, int retries);

/// A result as methods and the record know it.
/// @param wall_seconds  of the run that it was part of
method::Evaluation to_evaluation(model::ModelResult result, double wall_seconds);

}  // namespace invar::evaluation
