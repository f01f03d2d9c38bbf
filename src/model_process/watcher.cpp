#include "model_process/watcher.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dirent.h>
#include <poll.h>

#include "invar/isolation/deadline.hpp"
#include "invar/isolation/process_tools.hpp"
#include "invar/model_process/process_model.hpp"
#include "model_process/kept_text.hpp"
#include "model_process/runner.hpp"

namespace invar::model_process {
namespace {

using isolation::Descriptor;

// After the timeout, or the end of who wanted it, a program may clean up for so long: one that only
// stands for others, such as srun, takes those with it.
constexpr double grace_s = 0.5;
constexpr int start_failed = 127;

/// The two ends of a pipe.
struct Pipe {
  Descriptor reading;
  Descriptor writing;

  static Pipe make() {
    std::array<int, 2> ends = {-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      return {};
    }
    return {.reading = Descriptor(ends[0]), .writing = Descriptor(ends[1])};
  }
};

/// Closes what this process got from its parent, but for one descriptor.
void close_all_but(int wanted) {
  const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(nothing.get(), standard);
  }
  std::vector<int> open;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) {
    return;
  }
  while (const dirent* const entry = ::readdir(directory)) {
    open.push_back(std::atoi(entry->d_name));  // "." and "..": 0
  }
  ::closedir(directory);
  for (const int descriptor : open) {
    if (descriptor > STDERR_FILENO && descriptor != wanted && descriptor != nothing.get()) {
      ::close(descriptor);
    }
  }
}

/// The program itself, in the process that was forked for it: until it is the program it lives in
/// the watcher's memory, and may change nothing there.
[[noreturn]] void become_program(const std::vector<char*>& arguments, const std::string& directory,
                                 const std::array<Pipe*, 3>& pipes) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setsid();
  for (int signal = 1; signal < NSIG; ++signal) {
    ::signal(signal, SIG_DFL);
  }
  sigset_t none{};
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  isolation::volunteer_when_memory_runs_out();
  if (::chdir(directory.c_str()) == 0 && ::dup2(pipes[0]->writing.get(), STDOUT_FILENO) >= 0 &&
      ::dup2(pipes[1]->writing.get(), STDERR_FILENO) >= 0) {
    ::execvp(arguments[0], arguments.data());
  }
  const int problem = errno;
  [[maybe_unused]] const ssize_t ignored =
      ::write(pipes[2]->writing.get(), &problem, sizeof problem);
  ::_exit(start_failed);
}

class Watcher {
 public:
  Watcher(Descriptor orders, std::vector<std::string> command)
      : orders_(std::move(orders)), command_(std::move(command)) {
    for (std::string& word : command_) {
      arguments_.push_back(word.data());
    }
    arguments_.push_back(nullptr);
  }

  void live() {
    settle_down();
    std::vector<char> order(std::size_t{1} << 16U);
    while (true) {
      const ssize_t size = ::recv(orders_.get(), order.data(), order.size(), 0);
      if (size < 0 && errno == EINTR) {
        continue;
      }
      double timeout_s = 0;
      if (size <= static_cast<ssize_t>(sizeof timeout_s)) {
        return;  // nobody is there any more
      }
      std::memcpy(&timeout_s, order.data(), sizeof timeout_s);
      const std::string directory(order.data() + sizeof timeout_s,
                                  static_cast<std::size_t>(size) - sizeof timeout_s);
      const RunEnding ending = run(directory, timeout_s);
      ::send(orders_.get(), &ending, sizeof ending, MSG_NOSIGNAL);
    }
  }

 private:
  /// Makes this process one that no signal meant for others ends.
  void settle_down() {
    ::setsid();
    ::prctl(PR_SET_NAME, "invar-runner");
    for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGTSTP}) {
      ::signal(signal, SIG_IGN);
    }
    close_all_but(orders_.get());
    sigset_t child{};
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    ::signal(SIGCHLD, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &child, nullptr);
    signals_ = Descriptor(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    isolation::forget_launcher();
    ::setenv("DAKOTA_PARAMETERS_FILE", parameters_name, 1);
    ::setenv("DAKOTA_RESULTS_FILE", results_name, 1);
  }

  RunEnding run(const std::string& directory, double timeout_s) {
    Pipe out = Pipe::make();
    Pipe err = Pipe::make();
    Pipe trouble = Pipe::make();
    if (trouble.writing.get() < 0) {
      return {.kind = RunEnding::Kind::not_started, .value = errno};
    }
    // This process has the memory of a rank, perhaps gigabytes of it, and a fork would copy the
    // tables of its pages for every run.
    const pid_t program = ::vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (program == 0) {
      // It calls the kernel alone. NOLINTNEXTLINE(clang-analyzer-unix.Vfork)
      become_program(arguments_, directory, {&out, &err, &trouble});
    }
    if (program < 0) {
      return {.kind = RunEnding::Kind::not_started, .value = errno};
    }
    for (Pipe* const pipe : {&out, &err, &trouble}) {
      pipe->writing.close();
    }
    KeptText kept_out(std::move(out.reading), directory + "/" + stdout_name);
    KeptText kept_err(std::move(err.reading), directory + "/" + stderr_name);
    RunEnding ending = wait_for(program, timeout_s, {&kept_out, &kept_err});
    kept_out.finish();
    kept_err.finish();
    int problem = 0;
    if (::read(trouble.reading.get(), &problem, sizeof problem) ==
        static_cast<ssize_t>(sizeof problem)) {
      ending = {.kind = RunEnding::Kind::not_started, .value = problem};
    }
    return ending;
  }

  /// Waits for the program, and ends it where need be.
  RunEnding wait_for(pid_t program, double timeout_s, const std::array<KeptText*, 2>& outputs) {
    RunEnding ending{.kind = RunEnding::Kind::ended};
    isolation::Deadline deadline(timeout_s);
    bool is_told_to_end = false;
    bool is_abandoned = false;
    const auto tell_to_end = [&] {
      ::kill(-program, is_told_to_end ? SIGKILL : SIGTERM);
      is_told_to_end = true;
      deadline = isolation::Deadline(grace_s);
    };
    while (true) {
      std::array<pollfd, 4> sources = {
          {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
           // says when the other end is closed
           {.fd = is_abandoned ? -1 : orders_.get(), .events = 0, .revents = 0},
           {.fd = outputs[0]->descriptor(), .events = POLLIN, .revents = 0},
           {.fd = outputs[1]->descriptor(), .events = POLLIN, .revents = 0}}};
      const int nap_ms = deadline.begin_nap_ms();
      ::poll(sources.data(), sources.size(), nap_ms);
      deadline.end_nap();
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (sources[i + 2].revents != 0) {
          outputs[i]->take();
        }
      }
      if (sources[0].revents != 0 && has_ended(program)) {
        break;
      }
      if (sources[1].revents != 0) {
        is_abandoned = true;
        if (!is_told_to_end) {
          tell_to_end();
        }
      } else if (deadline.is_over()) {
        ending.kind = RunEnding::Kind::late;
        tell_to_end();
      }
    }
    ::kill(-program, SIGKILL);  // its number is not given out again before waitpid
    ::waitpid(program, &ending.value, 0);
    isolation::end_orphans([](pid_t) { return false; });
    return ending;
  }

  /// Buries others that came here.
  [[nodiscard]] bool has_ended(pid_t program) const {
    signalfd_siginfo news{};
    while (::read(signals_.get(), &news, sizeof news) == static_cast<ssize_t>(sizeof news)) {
    }
    siginfo_t info{};
    while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
      if (info.si_pid == program) {
        return true;
      }
      ::waitpid(info.si_pid, nullptr, WNOHANG);
      info.si_pid = 0;
    }
    return false;
  }

  Descriptor orders_;
  Descriptor signals_;
  std::vector<std::string> command_;
  std::vector<char*> arguments_;  // for execvp
};

}  // namespace

void watch(Descriptor orders, const std::vector<std::string>& command) {
  try {
    Watcher(std::move(orders), command).live();
  } catch (...) {  // no memory: the kernel ends the program with this process
  }
  ::_exit(0);
}

}  // namespace invar::model_process
