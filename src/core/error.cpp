#include "invar/core/error.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace invar::core {
namespace {
std::atomic<ExpectationHook> expectation_hook{nullptr};
}  // namespace

ExpectationHook set_expectation_hook(ExpectationHook hook) noexcept {
  return expectation_hook.exchange(hook);
}

void expectation_failed(const char* expression, const char* file, int line) noexcept {
  char text[1024];
  std::snprintf(text, sizeof text, "invar: broken expectation `%s` at %s:%d", expression, file,
                line);
  if (const ExpectationHook hook = expectation_hook.load()) {
    hook(text);
  } else {
    std::fprintf(stderr, "%s\n", text);
  }
  std::abort();
}

}  // namespace invar::core
