#include "isolation/child_process.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <sys/socket.h>

#include <poll.h>

namespace invar::isolation {
namespace {

constexpr std::size_t buffer_size = std::size_t{64} * 1024;
// For an end in good order: PETSc may have reports to print.
constexpr double farewell_s = 5.0;
// For the kernel to end what was killed.
constexpr double death_s = 5.0;

}  // namespace

ChildProcess::ChildProcess(ForkServer& server) : server_(&server), buffer_(buffer_size) {
  ForkServer::Child child = server.start();
  number_ = child.number;
  channel_ = std::move(child.channel);
}

ChildProcess::~ChildProcess() {
  channel_.close();
  if (!wait_for_ending(Deadline(farewell_s))) {
    kill();
  }
}

bool ChildProcess::send(MessageKind kind, std::int64_t id, std::string_view body,
                        Deadline deadline) {
  const std::string bytes = frame(kind, id, body);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t size = ::send(channel_.get(), bytes.data() + done, bytes.size() - done,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size > 0) {
      done += static_cast<std::size_t>(size);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      return true;  // nobody is there any more
    } else if (deadline.is_over()) {
      return false;
    } else if (errno != EINTR) {
      nap(deadline, POLLOUT);
    }
  }
  return true;
}

ChildProcess::Incoming ChildProcess::receive(Deadline deadline,
                                             const std::function<bool()>& is_given_up) {
  auto ending = server_->ending(number_);
  while (true) {
    if (ending) {
      drain();  // everything that was sent before is there by now
    }
    if (auto message = inbox_.take()) {
      return *std::move(message);
    }
    if (inbox_.is_garbled()) {
      return Garbled{};
    }
    if (ending) {
      return *ending;
    }
    if (channel_.get() < 0) {
      return Closed{};
    }
    if (deadline.is_over()) {
      return Late{};
    }
    if (is_given_up()) {
      return GivenUp{};
    }
    // No looking again and again first: the process may need this very core.
    const Events events = nap(deadline, POLLIN);
    if (events.has_news) {
      ending = server_->ending(number_);
    }
    if (events.is_channel_ready) {
      drain();
    }
  }
}

bool ChildProcess::has_hung_up() const {
  if (channel_.get() < 0) {
    return true;  // the end came with the last answer
  }
  char byte = 0;
  return ::recv(channel_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

std::optional<Ending> ChildProcess::wait_for_ending(Deadline deadline) {
  while (true) {
    if (const auto ending = server_->ending(number_)) {
      return ending;
    }
    if (deadline.is_over()) {
      return std::nullopt;
    }
    nap(deadline, 0);
  }
}

void ChildProcess::kill() {
  server_->kill(number_);
  wait_for_ending(Deadline(death_s));
}

ChildProcess::Events ChildProcess::nap(Deadline& deadline, short channel_events) {
  std::array<pollfd, 2> sources = {
      {{.fd = server_->news(), .events = POLLIN, .revents = 0},
       {.fd = channel_events != 0 ? channel_.get() : -1, .events = channel_events, .revents = 0}}};
  const int nap_ms = deadline.begin_nap_ms();
  ::poll(sources.data(), sources.size(), nap_ms);
  deadline.end_nap();
  return {.has_news = server_->news() < 0 || sources[0].revents != 0,
          .is_channel_ready = sources[1].revents != 0};
}

void ChildProcess::drain() {
  while (channel_.get() >= 0) {
    const ssize_t size = ::recv(channel_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (size > 0) {
      inbox_.append(buffer_.data(), static_cast<std::size_t>(size));
      if (static_cast<std::size_t>(size) < buffer_.size()) {
        return;
      }
    } else if (size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      channel_.close();
    } else if (errno != EINTR) {
      return;
    }
  }
}

}  // namespace invar::isolation
