#pragma once

#include <memory>

#include "invar/model/model.hpp"
#include "invar/parallel/groups.hpp"

namespace invar::evaluation {

/// Makes the model on every group and compares its sizes with what the study says.
///
/// @return  the model; null on ranks that do not run it (manager of several ranks, left over)
/// MPI:     Collective on groups.all(); the factory is called by all ranks of a group.
/// @throws CollectiveError          when the factory threw on some rank: its kind and message
/// @throws CollectiveError(config)  when a model has other sizes than the study; with the numbers
std::unique_ptr<model::Model> make_model(const parallel::Groups& groups,
                                         const model::ModelFactory& factory,
                                         const model::ProblemSizes& study);

/// How many requests the groups' models take in one go, but so few that what comes of them can be
/// sent.
///
/// @param model  null on ranks that do not run it
/// @return       the same on all ranks
/// MPI:          Collective on groups.all()
int most_at_once(const parallel::Groups& groups, const model::Model* model);

/// The derivatives that the models of all groups give.
///
/// @param model  null on ranks that do not run it
/// @return       the same on all ranks
/// MPI:          Collective on groups.all()
core::Capabilities capabilities(const parallel::Groups& groups, const model::Model* model);

/// Runs the model for the manager until it shuts the pool down.
///
/// Failure: whatever the model does short of dying or hanging is an `Evaluation` with its status:
///          what the model says (model_failed), an exception crashed, another number of QoIs
///          or derivatives of another shape bad_output, a NaN or an infinity non_finite.
///
/// @param model  null on a left over rank, which only waits for the end
/// MPI: Collective on a group; called by all ranks but the manager.
void serve_model(const parallel::Groups& groups, model::Model* model);

}  // namespace invar::evaluation
