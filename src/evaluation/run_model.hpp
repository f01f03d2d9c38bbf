#pragma once

#include "invar/method/evaluation.hpp"
#include "invar/model/model.hpp"
#include "invar/parallel/comm.hpp"

namespace invar::evaluation {

/// The edge behind which a model may do what it likes: whatever it throws or returns comes back as
/// an `Evaluation`, the same failure on all ranks of the group.
///
/// MPI: Collective on team, which the model does not use. QoIs on rank 0.
method::Evaluation run_model(model::Model& model, const model::ModelRequest& request,
                             const parallel::Comm& team);

}  // namespace invar::evaluation
