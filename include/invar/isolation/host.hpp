#pragma once

#include <functional>
#include <memory>
#include <string>

#include "invar/model/model.hpp"

namespace invar::isolation {

/// Makes the model and answers the worker's requests with it until there are no more; then the
/// model is gone again. What `make` throws goes to the worker and not to the caller.
using Serve = std::function<void(const std::function<std::unique_ptr<model::Model>()>& make)>;

/// What a process does that runs a model for a worker: starts MPI and what else the model needs,
/// calls `serve` once, and ends what it started.
///
/// It is called in a process that has one thread, an environment without traces of the job's
/// launcher, and no descriptors but the standard ones and those of the program's start.
///
/// @param blueprint  the bytes that the worker gave to `make_isolated_model`
using Host = std::function<void(const std::string& blueprint, const Serve& serve)>;

}  // namespace invar::isolation
