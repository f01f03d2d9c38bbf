#pragma once

#include <memory>
#include <string>
#include <vector>

#include <mpi.h>

#include "invar/model/model.hpp"

namespace invar::model_umbridge {

/// The keys of `model: {type: umbridge}`.
///
/// Units: start_timeout_s in seconds.
struct UmbridgeOptions {
  std::vector<std::string> urls;  // "http://host:port"; a group of ranks uses one of them
  std::string name;               // of the model there; "": the only one that there is
  std::string config = "{}";      // a JSON object that the server's model understands
  double start_timeout_s = 10.0;  // for the first answer of a server that is just starting
  int connection_retries = 3;     // after errors of the connection, on the next server if any
};

/// The table of those keys. MPI: Local.
const options::Table<UmbridgeOptions>& umbridge_table();

/// A model that runs on a server that speaks the UM-Bridge protocol, version 1.0.
///
/// The groups of ranks are spread over the servers; a group goes on with the next server when its
/// own cannot be reached. Connections are kept. Several input vectors of the server are the
/// parameters one after the other, several output vectors the QoIs. Doubles survive to the bit.
/// Derivatives are asked for as far as the server says that it supports Gradient (w^T J) and
/// ApplyJacobian (J v); the Jacobian is put together from whichever needs fewer requests.
///
/// Shapes:  as the server says when the model is made
/// MPI:     Collective on `group`; rank 0 alone talks to the server, the others do nothing.
/// Cost:    one request per run, and one per block of the Jacobian and direction or weight
/// Failure: the server cannot be reached, breaks off, or says 502, 503 or 504: transport, after
///          `connection_retries` further attempts with growing pauses; no answer in time: timeout;
///          another error with text: model_failed; anything that is not the numbers that were
///          expected: bad_output; NaN or infinity among them: non_finite.
/// @throws CollectiveError(config)       another protocol version, no such model, no Evaluate,
/// sizes
///                                       that cannot be; with the url and what was found
/// @throws CollectiveError(unavailable)  no server answers within `start_timeout_s`
std::unique_ptr<model::Model> make_umbridge_model(const UmbridgeOptions& options, MPI_Comm group);

/// Adds the type `umbridge`. MPI: Local.
void add_umbridge_model(model::ModelRegistry& registry);

}  // namespace invar::model_umbridge
