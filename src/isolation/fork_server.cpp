#include "invar/isolation/fork_server.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "invar/core/error.hpp"
#include "isolation/server_process.hpp"
#include "isolation/server_protocol.hpp"

namespace invar::isolation {
namespace {

struct Pair {
  Descriptor mine;
  Descriptor theirs;
};

/// Two ends of a connection, or a problem in errno.
std::optional<Pair> connected_pair(int type) {
  std::array<int, 2> ends = {-1, -1};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return std::nullopt;
  }
  return Pair{.mine = Descriptor(ends[0]), .theirs = Descriptor(ends[1])};
}

/// Sends a command, with a descriptor where one is given.
bool send_command(int socket, const Command& command, int descriptor = -1) {
  Command bytes = command;
  iovec data{.iov_base = &bytes, .iov_len = sizeof bytes};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(sizeof bytes);
}

}  // namespace

ForkServer::ForkServer(const Host& host) {
  auto ends = connected_pair(SOCK_SEQPACKET);
  if (!ends) {
    problem_ = std::strerror(errno);
    return;
  }
  std::fflush(nullptr);  // or the children would print it again
  const pid_t worker = ::getpid();
  server_ = ::fork();
  if (server_ == 0) {
    ends->mine.close();
    run_server(std::move(ends->theirs), worker, host);
  }
  if (server_ < 0) {
    problem_ = std::strerror(errno);
    return;
  }
  socket_ = std::move(ends->mine);
}

void ForkServer::stop() noexcept {
  if (socket_.get() >= 0) {
    send_command(socket_.get(), {.kind = Command::Kind::quit});
    socket_.close();
  }
  if (server_ > 0) {
    while (::waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
    }
    server_ = -1;
  }
  if (problem_.empty()) {
    problem_ = "the fork server was stopped";
  }
}

ForkServer::Child ForkServer::start() {
  take_news();
  const auto fail = [](const std::string& reason) {
    throw Error(ErrorKind::unavailable, "cannot start a process for the model: " + reason);
  };
  if (socket_.get() < 0) {
    fail(problem_);
  }
  auto ends = connected_pair(SOCK_STREAM);
  if (!ends) {
    fail(std::strerror(errno));
  }
  const std::int64_t number = ++last_number_;
  endings_.clear();  // nobody asks for an earlier one
  if (!send_command(socket_.get(), {.kind = Command::Kind::start, .number = number},
                    ends->theirs.get())) {
    fail("the fork server is gone");
  }
  return {.number = number, .channel = std::move(ends->mine)};
}

void ForkServer::kill(std::int64_t number) noexcept {
  if (socket_.get() >= 0) {
    send_command(socket_.get(), {.kind = Command::Kind::kill, .number = number});
  }
}

std::optional<Ending> ForkServer::ending(std::int64_t number) {
  take_news();
  if (const auto found = endings_.find(number); found != endings_.end()) {
    return found->second;
  }
  return socket_.get() < 0 ? std::optional(Ending{}) : std::nullopt;
}

void ForkServer::take_news() {
  while (socket_.get() >= 0) {
    News news;
    const ssize_t size = ::recv(socket_.get(), &news, sizeof news, MSG_DONTWAIT);
    if (size == static_cast<ssize_t>(sizeof news)) {
      endings_[news.number] = news.ending;
    } else if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return;
    } else if (size >= 0 || errno != EINTR) {
      socket_.close();
      problem_ = "the fork server is gone";
    }
  }
}

}  // namespace invar::isolation
