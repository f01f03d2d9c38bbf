#include "model_plugin/library.hpp"

#include <cstring>

#include <dlfcn.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::model_plugin {
namespace {

constexpr std::size_t max_message_length = 1000;

/// Sets `function` to that of this name, or null.
template <class Function>
void find(void* handle, const char* name, Function*& function) {
  // POSIX lets dlsym's result be a function.
  function = reinterpret_cast<Function*>(::dlsym(handle, name));
}

template <class Function>
void require(void* handle, const std::string& path, const char* name, Function*& function) {
  find(handle, name, function);
  if (function == nullptr) {
    throw Error(ErrorKind::config,
                fmt::format("`{}` has no function `{}`; a plugin defines it with C linkage, as "
                            "invar/plugin.h says",
                            path, name));
  }
}

void require_equal(const std::string& path, const char* what, std::int32_t found,
                   std::size_t expected) {
  if (found < 0 || static_cast<std::size_t>(found) != expected) {
    throw Error(ErrorKind::config,
                fmt::format("`{}` was compiled for another invar/plugin.h: expected {} {}, found "
                            "{}; compile it anew with the header of this Invar",
                            path, what, expected, found));
  }
}

}  // namespace

std::string Library::reason(void* model) const {
  if (last_error == nullptr) {
    return "";
  }
  const char* text = last_error(model);
  return text == nullptr || *text == '\0'
             ? ""
             : ": " + std::string(text, ::strnlen(text, max_message_length));
}

Library load_library(const std::string& path) {
  void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* text = ::dlerror();
    throw Error(ErrorKind::no_input, fmt::format("`{}` cannot be loaded as a shared library: {}",
                                                 path, text != nullptr ? text : "no reason given"));
  }
  Library library;
  decltype(&invar_plugin_info) info = nullptr;
  require(handle, path, "invar_plugin_info", info);
  require(handle, path, "invar_plugin_create", library.create);
  require(handle, path, "invar_plugin_sizes", library.sizes);
  require(handle, path, "invar_plugin_evaluate", library.evaluate);
  find(handle, "invar_plugin_name", library.name);
  find(handle, "invar_plugin_destroy", library.destroy);
  find(handle, "invar_plugin_last_error", library.last_error);

  // A library for a later ABI may fill in more than this program knows of.
  union {
    InvarPluginInfo info;
    unsigned char bytes[1024];
  } answer = {.bytes = {}};
  if (const std::int32_t code = info(&answer.info); code != INVAR_PLUGIN_OK) {
    throw Error(ErrorKind::config, fmt::format("`{}`: invar_plugin_info returned {}{}", path, code,
                                               library.reason(nullptr)));
  }
  library.info = answer.info;
  require_equal(path, "ABI version", library.info.abi_version, INVAR_PLUGIN_ABI);
  require_equal(path, "sizeof(InvarPluginInfo)", library.info.info_size, sizeof(InvarPluginInfo));
  require_equal(path, "sizeof(InvarPluginRequest)", library.info.request_size,
                sizeof(InvarPluginRequest));
  require_equal(path, "sizeof(InvarPluginResult)", library.info.result_size,
                sizeof(InvarPluginResult));
  return library;
}

}  // namespace invar::model_plugin
