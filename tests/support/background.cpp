#include "support/background.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <poll.h>

#include "support/program.hpp"

namespace invar::test {
namespace {

using Clock = std::chrono::steady_clock;

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe2 failed");
  }
  return ends;
}

}  // namespace

BackgroundProgram::BackgroundProgram(const std::string& command) {
  const std::string line = without_job("exec " + command);
  const auto in = make_pipe();
  const auto out = make_pipe();
  process_ = ::fork();
  if (process_ == 0) {
    ::setpgid(0, 0);
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  input_ = in[1];
  output_ = out[0];
}

BackgroundProgram::~BackgroundProgram() {
  ::close(input_);
  ::close(output_);
  if (process_ > 0 && wait(1.0) < 0) {
    ::kill(-process_, SIGKILL);
    ::kill(process_, SIGKILL);
    wait(5.0);
  }
}

std::string BackgroundProgram::read_line(double timeout_s) {
  const auto end = Clock::now() + std::chrono::duration<double>(timeout_s);
  while (pending_.find('\n') == std::string::npos) {
    const auto left = std::chrono::duration<double, std::milli>(end - Clock::now()).count();
    pollfd readable{.fd = output_, .events = POLLIN, .revents = 0};
    std::array<char, 4096> bytes{};
    if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left) + 1) <= 0) {
      return "";
    }
    const ssize_t count = ::read(output_, bytes.data(), bytes.size());
    if (count <= 0) {
      return "";
    }
    pending_.append(bytes.data(), static_cast<std::size_t>(count));
  }
  const std::size_t length = pending_.find('\n');
  std::string line = pending_.substr(0, length);
  pending_.erase(0, length + 1);
  return line;
}

void BackgroundProgram::signal(int signal) const {
  ::kill(process_, signal);
}

int BackgroundProgram::wait(double timeout_s) {
  const auto end = Clock::now() + std::chrono::duration<double>(timeout_s);
  int status = 0;
  while (process_ > 0 && ::waitpid(process_, &status, WNOHANG) == 0) {
    if (Clock::now() > end) {
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace invar::test
