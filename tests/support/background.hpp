#pragma once

#include <string>

#include <sys/types.h>

namespace invar::test {

/// A program that runs beside the test, and what it has printed so far.
///
/// Its standard input stays open while this lives: a program may take its end as a sign to leave.
class BackgroundProgram {
 public:
  /// Starts a shell command in an environment in which it begins a job of its own.
  explicit BackgroundProgram(const std::string& command);
  BackgroundProgram(const BackgroundProgram&) = delete;
  BackgroundProgram& operator=(const BackgroundProgram&) = delete;
  BackgroundProgram(BackgroundProgram&&) = delete;
  BackgroundProgram& operator=(BackgroundProgram&&) = delete;
  /// Closes its input, and kills what is there after a second.
  ~BackgroundProgram();

  /// Reads its standard output up to the next end of line, or "" after `timeout_s`.
  std::string read_line(double timeout_s = 20.0);

  [[nodiscard]] pid_t process() const { return process_; }

  void signal(int signal) const;

  /// Waits for its end; its exit code, 128 + signal, or -1 after `timeout_s`.
  int wait(double timeout_s = 20.0);

 private:
  pid_t process_ = -1;  // and its process group
  int input_ = -1;
  int output_ = -1;
  std::string pending_;
};

}  // namespace invar::test
