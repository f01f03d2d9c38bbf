#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace invar::doctor {

/// A program that was started, in a process group of its own; it ends with this process.
///
/// MPI: Local; no MPI in this process, which has one thread.
class ChildProgram {
 public:
  struct Setup {
    std::vector<std::string> command;  // no shell reads it
    std::filesystem::path out;         // what it prints
    std::filesystem::path err;
    bool forgets_launcher = false;  // no traces of the launcher of this process
    bool is_launcher = false;       // it has processes of its own to end: it is asked first
  };
  explicit ChildProgram(Setup setup);
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;
  ChildProgram(ChildProgram&&) = delete;
  ChildProgram& operator=(ChildProgram&&) = delete;
  ~ChildProgram() { end(); }

  /// The status as of waitpid once it has ended; does not wait.
  std::optional<int> poll();

  /// Ends it with all that it started. Does nothing the second time.
  void end() noexcept;

 private:
  Setup setup_;
  pid_t process_ = -1;
  std::optional<int> status_;
};

/// The exit code of a program that is not there.
inline constexpr int not_found_code = 127;

/// "was killed by signal 11 (Segmentation fault)", "ended with exit code 3".
std::string ending_in_words(int status);

}  // namespace invar::doctor
