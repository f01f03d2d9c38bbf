#include "model_process/runner.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model_process/watcher.hpp"

namespace invar::model_process {

bool Runner::start() {
  std::array<int, 2> ends = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return false;
  }
  socket_ = isolation::Descriptor(ends[0]);
  isolation::Descriptor theirs(ends[1]);
  std::fflush(nullptr);  // or the watcher's copies could be printed again
  watcher_ = ::fork();
  if (watcher_ == 0) {
    watch(std::move(theirs), command_);
  }
  return watcher_ > 0;
}

void Runner::stop() noexcept {
  socket_.close();
  if (watcher_ > 0) {
    while (::waitpid(watcher_, nullptr, 0) < 0 && errno == EINTR) {
    }
    watcher_ = -1;
  }
}

RunEnding Runner::run(const std::string& directory, std::optional<double> timeout_s) {
  if (watcher_ < 0 && !start()) {
    const int problem = errno;
    stop();
    return {.kind = RunEnding::Kind::not_started, .value = problem};
  }
  const double limit_s = timeout_s.value_or(std::numeric_limits<double>::infinity());
  std::string order(sizeof limit_s, '\0');
  std::memcpy(order.data(), &limit_s, sizeof limit_s);
  order += directory;
  ssize_t size = -1;
  do {
    size = ::send(socket_.get(), order.data(), order.size(), MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  RunEnding ending;
  if (size == static_cast<ssize_t>(order.size())) {
    do {
      size = ::recv(socket_.get(), &ending, sizeof ending, 0);
    } while (size < 0 && errno == EINTR);
    if (size == static_cast<ssize_t>(sizeof ending)) {
      return ending;
    }
  }
  stop();  // the next run finds a new one
  return {};
}

}  // namespace invar::model_process
