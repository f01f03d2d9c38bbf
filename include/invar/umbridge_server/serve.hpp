#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "invar/model/model.hpp"
#include "invar/parallel/groups.hpp"
#include "invar/parallel/stop_control.hpp"

namespace invar::umbridge_server {

/// How a server is reached and what it holds.
///
/// Units: timeout_s in seconds.
struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 4242;                                 // 0: any that is free
  std::string model_name = "forward";              // as clients call it
  model::ProblemSizes sizes;                       // of the model
  std::size_t most_queued = 1024;                  // requests that wait for a group
  std::optional<double> timeout_s = std::nullopt;  // of one run, where the model does not keep it
};

struct ServerOutcome {
  int exit_code = 0;
  bool must_abort = false;  // a group was given up: MPI_Finalize would wait for ever
};

/// Serves the model to UM-Bridge clients (protocol 1.0) until a stop is asked for.
///
/// Threads of rank 0 talk HTTP and never MPI; rank 0 itself hands their requests to the groups,
/// each to the first that is free, or runs the model in place on one rank. Gradient and
/// ApplyJacobian are served where the model can, ApplyHessian is not.
///
/// At a stop nothing new is taken, what waits is answered with 503, and what runs has some seconds.
///
/// MPI:     Collective on groups.all(); `stop` is looked at on rank 0.
/// Failure: towards clients, an error object: 400 InvalidInput, ModelNotFound, UnsupportedFeature;
///          500 InvalidOutput for every run that failed, with its status and message; 503
///          ServerBusy when the queue is full or the server ends; 413 for a body that no input can
///          need.
///
/// @param model      null on ranks that do not run it
/// @param on_listen  called on rank 0 with the url once clients can connect
/// @return           the same exit code on all ranks: 0, or that of `unavailable` when all groups
///                   are lost
/// @throws CollectiveError(io)      the address cannot be listened on
/// @throws CollectiveError(config)  a timeout on one rank that the model does not keep
ServerOutcome serve(const parallel::Groups& groups, model::Model* model,
                    const ServerOptions& options, const parallel::StopControl& stop,
                    const std::function<void(const std::string& url)>& on_listen);

}  // namespace invar::umbridge_server
