#include "doctor/child_program.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/isolation/process_tools.hpp"

namespace invar::doctor {
namespace {

using namespace std::chrono_literals;

// What a launcher may take to end its ranks before it is killed with them.
constexpr auto patience = 5s;

void redirect(const std::filesystem::path& path, int flags, int to) {
  const int file = ::open(path.c_str(), flags, 0600);
  if (file >= 0) {
    ::dup2(file, to);
    ::close(file);
  }
}

/// In the new process; does not return.
[[noreturn]] void become(const ChildProgram::Setup& setup, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, setup.is_launcher ? SIGTERM : SIGKILL);
  if (::getppid() != parent) {
    ::_exit(0);
  }
  ::setpgid(0, 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXFSZ}) {
    std::signal(signal, SIG_DFL);
  }
  redirect("/dev/null", O_RDONLY, STDIN_FILENO);
  redirect(setup.out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(setup.err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  if (setup.forgets_launcher) {
    isolation::forget_launcher();
  }
  // Open MPI's handlers print a stack, and could hang after a crash in malloc.
  ::setenv("OMPI_MCA_opal_signal", "", 1);
  std::vector<char*> words;
  for (const std::string& word : setup.command) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  ::execvp(words.front(), words.data());
  ::_exit(not_found_code);
}

}  // namespace

ChildProgram::ChildProgram(Setup setup) : setup_(std::move(setup)) {
  INVAR_EXPECTS(!setup_.command.empty());
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ == 0) {
    become(setup_, parent);
  }
  if (process_ < 0) {
    throw Error(ErrorKind::unavailable,
                fmt::format("cannot start a process: {}", std::strerror(errno)));
  }
}

std::optional<int> ChildProgram::poll() {
  int status = 0;
  if (!status_ && process_ > 0 && ::waitpid(process_, &status, WNOHANG) == process_) {
    status_ = status;
  }
  return status_;
}

void ChildProgram::end() noexcept {
  if (process_ <= 0) {
    return;
  }
  if (!poll() && setup_.is_launcher) {
    ::kill(process_, SIGTERM);
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!poll() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(5ms);
    }
  }
  ::kill(-process_, SIGKILL);
  while (!poll()) {
    std::this_thread::sleep_for(1ms);
  }
  isolation::end_orphans([](pid_t /*process*/) { return false; });
  process_ = -1;
}

std::string ending_in_words(int status) {
  return WIFSIGNALED(status) ? fmt::format("was killed by signal {} ({})", WTERMSIG(status),
                                           ::strsignal(WTERMSIG(status)))
                             : fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

}  // namespace invar::doctor
