#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "invar/isolation/descriptor.hpp"

namespace invar::model_process {

/// How a run of the program ended.
struct RunEnding {
  enum class Kind : std::int32_t {
    ended,        // `value` is the status as of waitpid
    not_started,  // `value` is an errno
    late,         // it was killed
    unknown,      // the watcher is gone
  };
  Kind kind = Kind::unknown;
  std::int32_t value = 0;
};

/// Names of the files that keep what a program prints.
inline constexpr const char* stdout_name = "stdout.txt";
inline constexpr const char* stderr_name = "stderr.txt";

/// A process that starts programs and watches over them: forked once, so that nothing of this
/// process - its memory, signals, descriptors - matters to a run.
///
/// It stands in a session of its own and takes in what a program leaves behind. When this process
/// dies in whatever way, it ends what runs and leaves.
///
/// MPI: Local.
class Runner {
 public:
  explicit Runner(std::vector<std::string> command) : command_(std::move(command)) {}
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  Runner(Runner&&) = delete;
  Runner& operator=(Runner&&) = delete;
  ~Runner() { stop(); }

  /// Runs the program and waits for its end, and for that of everything that it started.
  RunEnding run(const std::string& directory, std::optional<double> timeout_s);

 private:
  bool start();
  void stop() noexcept;

  std::vector<std::string> command_;
  isolation::Descriptor socket_;
  pid_t watcher_ = -1;
};

}  // namespace invar::model_process
