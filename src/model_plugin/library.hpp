#pragma once

#include <string>

#include "invar/plugin.h"

namespace invar::model_plugin {

/// The functions of a loaded library; the optional ones may be null.
struct Library {
  InvarPluginInfo info{};
  decltype(&invar_plugin_create) create = nullptr;
  decltype(&invar_plugin_sizes) sizes = nullptr;
  decltype(&invar_plugin_evaluate) evaluate = nullptr;
  decltype(&invar_plugin_name) name = nullptr;
  decltype(&invar_plugin_destroy) destroy = nullptr;
  decltype(&invar_plugin_last_error) last_error = nullptr;

  /// ": " and what the library says about its last failure, or "".
  [[nodiscard]] std::string reason(void* model) const;
};

/// Loads a library for good and finds its functions.
///
/// MPI: Local.
/// @throws Error(no_input, config)  as `make_plugin_model`
Library load_library(const std::string& path);

}  // namespace invar::model_plugin
