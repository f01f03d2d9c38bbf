#include "isolation/server_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <poll.h>

#include "invar/isolation/process_tools.hpp"
#include "isolation/child_life.hpp"
#include "isolation/server_protocol.hpp"

namespace invar::isolation {
namespace {

/// What the kernel sends when the worker dies. Nobody sends it otherwise.
int orphan_signal() {
  return SIGRTMIN;
}

class Server {
 public:
  Server(Descriptor commands, const Host& host) : commands_(std::move(commands)), host_(host) {}

  /// Until the worker is gone or says so.
  void run(pid_t worker) {
    settle_down();
    if (::getppid() != worker) {
      return;  // it died before the kernel was asked to tell
    }
    bool has_worker = true;
    while (has_worker) {
      std::array<pollfd, 2> sources = {{{.fd = commands_.get(), .events = POLLIN, .revents = 0},
                                        {.fd = signals_.get(), .events = POLLIN, .revents = 0}}};
      if (::poll(sources.data(), sources.size(), -1) < 0 && errno != EINTR) {
        return;
      }
      if (sources[1].revents != 0) {
        has_worker = take_signals();
        bury_the_dead();
      }
      if (sources[0].revents != 0) {
        has_worker = obey() && has_worker;
      }
    }
  }

  /// Leaves nothing behind.
  void end_all() {
    for (const auto& [process, number] : children_) {
      ::kill(-process, SIGKILL);
    }
    children_.clear();
    sweep();
  }

 private:
  /// Makes this process one that no signal meant for others ends.
  void settle_down() {
    ::setsid();
    ::prctl(PR_SET_NAME, "invar-forker");
    for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGTSTP}) {
      std::signal(signal, SIG_IGN);
    }
    sigset_t wanted{};
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, orphan_signal());
    ::sigprocmask(SIG_BLOCK, &wanted, &usual_mask_);
    signals_ = Descriptor(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    ::prctl(PR_SET_PDEATHSIG, orphan_signal());
    // What a child's own children leave behind comes here, so that it can be found.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (nothing.get() > STDIN_FILENO) {
      ::dup2(nothing.get(), STDIN_FILENO);
    }
  }

  /// False when the worker has died.
  [[nodiscard]] bool take_signals() const {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (static_cast<int>(info.ssi_signo) == orphan_signal()) {
        return false;
      }
    }
    return true;
  }

  /// Does what one command says; false when there will be no more.
  bool obey() {
    Command command;
    iovec data{.iov_base = &command, .iov_len = sizeof command};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(commands_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size < 0) {
      return errno == EINTR || errno == EAGAIN;
    }
    Descriptor received;
    if (const cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header != nullptr && header->cmsg_type == SCM_RIGHTS) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header), sizeof number);
      received = Descriptor(number);
    }
    if (size != static_cast<ssize_t>(sizeof command) || command.kind == Command::Kind::quit) {
      return false;
    }
    if (command.kind == Command::Kind::start) {
      give_birth(command.number, std::move(received));
    } else {
      for (const auto& [process, number] : children_) {
        if (number == command.number) {
          ::kill(-process, SIGKILL);
        }
      }
    }
    return true;
  }

  void give_birth(std::int64_t number, Descriptor channel) {
    const pid_t server = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) {
      commands_.close();
      signals_.close();
      live(std::move(channel), {.server = server, .signal_mask = usual_mask_}, host_);
    }
    if (child < 0) {
      tell({.number = number, .ending = {.kind = Ending::Kind::not_started, .value = errno}});
      return;
    }
    ::setpgid(child, child);  // here and there: whoever comes first
    children_[child] = number;
  }

  /// Takes note of processes that ended, and tells the worker of its own.
  void bury_the_dead() {
    while (true) {
      siginfo_t info{};
      if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
        return;
      }
      const pid_t process = info.si_pid;
      const auto child = children_.find(process);
      if (child != children_.end()) {
        ::kill(-process, SIGKILL);  // its group; the number is not given out again until waitpid
      }
      int status = 0;
      ::waitpid(process, &status, 0);
      if (child != children_.end()) {
        const std::int64_t number = child->second;
        children_.erase(child);
        sweep();
        tell({.number = number, .ending = {.kind = Ending::Kind::ended, .value = status}});
      }
    }
  }

  /// Kills the processes that came to this one from children that ended.
  void sweep() const {
    end_orphans([this](pid_t process) { return children_.count(process) != 0; });
  }

  void tell(const News& news) const {
    ::send(commands_.get(), &news, sizeof news, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  Descriptor commands_;
  Descriptor signals_;
  const Host& host_;
  sigset_t usual_mask_{};
  std::map<pid_t, std::int64_t> children_;  // their numbers
};

}  // namespace

void run_server(Descriptor commands, pid_t worker, const Host& host) {
  try {
    Server server(std::move(commands), host);
    server.run(worker);
    server.end_all();
  } catch (...) {  // no memory: the kernel ends the children
  }
  ::_exit(0);
}

}  // namespace invar::isolation
