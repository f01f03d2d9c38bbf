#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "invar/isolation/fork_server.hpp"
#include "invar/model/model.hpp"

namespace invar::isolation {

/// What a worker says of its model.
struct IsolationOptions {
  std::string blueprint;            // for the server's `Host`
  std::optional<double> timeout_s;  // of one run
  /// Looked at several times a second while a run is waited for: true gives it up.
  std::function<bool()> is_given_up = [] { return false; };
};

/// A model that runs in a process of its own.
///
/// Whatever happens there costs one run: a signal or an exit is `crashed`, an answer that cannot be
/// read `bad_output`, no answer within the timeout `timeout`, and a run that was given up
/// `cancelled` (the process and all that it started are then killed). The next run finds a fresh
/// process, which is being made ready in the meantime. Where that one ends before the model stands,
/// the run that waits for it has `crashed`; a process that ends between runs is replaced and costs
/// none. With a timeout, a process that is made ready again may take that long and ten times the
/// first one's time.
///
/// The bits of the answers are those of the model. Time in which the job is suspended does not
/// count for the timeout.
///
/// MPI:      Local; the model is on one rank.
/// Cost:     two messages through the kernel per run, and a process that starts MPI per failure.
/// Lifetime: the server must outlive the model; one model at a time.
///
/// @return                the model, ready for its first run
/// @throws Error          what making the model threw in the process, with its kind
/// @throws std::runtime_error  the same for other exceptions
/// @throws Error(unavailable)  when the process cannot be started, or ended before the model stood
std::unique_ptr<model::Model> make_isolated_model(ForkServer& server,
                                                  const IsolationOptions& options);

}  // namespace invar::isolation
