#pragma once

#include <memory>
#include <string>

#include <mpi.h>

#include "invar/model/model.hpp"

namespace invar::model_plugin {

/// The keys of `model: {type: plugin}`.
struct PluginOptions {
  std::string library;              // absolute path
  std::string library_checksum;     // of its bytes
  std::string found_checksum;       // the file's; other than `library_checksum`: it has changed
  std::string options_json = "{}";  // for the plugin
};

/// The table of those keys. MPI: Local.
const options::Table<PluginOptions>& plugin_table();

/// A model in a shared library with the functions of `invar/plugin.h`.
///
/// The library is loaded without lending its symbols to others, and never unloaded: threads and
/// handlers that it started may outlive the model.
///
/// Shapes:  as in `sizes`, where these are known; else as the library says.
/// MPI:     Collective on `group`, which the library gets (as a duplicate).
/// Cost:    of an evaluation, beside the library's: copies of what it takes and gives; on several
///          ranks one Allreduce.
/// @throws Error(no_input)     when the library cannot be loaded
/// @throws Error(data)         when it has another checksum than the study says
/// @throws Error(config)       when it lacks a function, was compiled for another ABI, cannot make
///                             its model, or has other sizes than the study; on all ranks
/// Failure: what `evaluate` of the library does not return 0 for is a result with the status
///          model_failed and the library's message; an exception in it comes out on all ranks.
std::unique_ptr<model::Model> make_plugin_model(const PluginOptions& options,
                                                const model::ProblemSizes& sizes, MPI_Comm group);

/// Adds the type `plugin`. MPI: Local.
void add_plugin_model(model::ModelRegistry& registry);

}  // namespace invar::model_plugin
