#pragma once

#include <stdexcept>
#include <string>

namespace invar::core {

/// What kind of trouble ends a task; the value is the exit code of the program.
enum class ErrorKind : int {
  usage = 64,
  data = 65,
  no_input = 66,
  unavailable = 69,
  internal = 70,
  io = 74,
  stopped_early = 75,
  config = 78,
};

/// Where an error was raised. (A plain struct: clang-tidy 14 cannot read std::source_location.)
struct SourceLocation {
  const char* file = __builtin_FILE();
  int line = __builtin_LINE();
};

/// The one exception of Invar: this task cannot be done.
///
/// The message says what was expected, what was found, where, and what to do about it.
/// Ordinary outcomes (a failed model run, no descent) are values, never an `Error`.
///
/// MPI: Local. Never let one rank throw between collective calls; see `parallel::agree`.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, SourceLocation where = {})
      : std::runtime_error(message), kind_(kind), where_(where) {}

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] int exit_code() const noexcept { return static_cast<int>(kind_); }
  [[nodiscard]] const SourceLocation& where() const noexcept { return where_; }

 private:
  ErrorKind kind_;
  SourceLocation where_;
};

/// Called with the text of a violated expectation, before the process aborts.
using ExpectationHook = void (*)(const char* text) noexcept;

/// Installs the hook that ends the job (the MPI session points it at MPI_Abort).
///
/// @return the hook that was there before; none at first, which means std::abort.
ExpectationHook set_expectation_hook(ExpectationHook hook) noexcept;

/// Reports a programmer error and does not return.
[[noreturn]] void expectation_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace invar::core

namespace invar {
using core::Error;
using core::ErrorKind;
}  // namespace invar

/// States what a caller must guarantee; a violation is a programmer error and ends the job.
#define INVAR_EXPECTS(condition)      \
  ((condition) ? static_cast<void>(0) \
               : ::invar::core::expectation_failed(#condition, __FILE__, __LINE__))
