#include "isolation/child_life.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "invar/core/error.hpp"
#include "invar/isolation/process_tools.hpp"
#include "isolation/message.hpp"

namespace invar::isolation {
namespace {

/// An environment in which MPI starts as if nobody had launched it.
void leave_the_job() {
  forget_launcher();
  // No daemon of its own, which could outlive it.
  ::setenv("OMPI_MCA_ess_singleton_isolated", "1", 1);
  // Processes that stand alone would share one folder, and remove it under each other.
  ::setenv("OMPI_MCA_orte_create_session_dirs", "0", 1);
  // It talks to nobody: without networks MPI starts in a tenth of the time.
  ::setenv("OMPI_MCA_pml", "ob1", 1);
  ::setenv("OMPI_MCA_btl", "self", 1);
  // No handlers that print a stack: after a crash in malloc they could hang.
  ::setenv("OMPI_MCA_opal_signal", "", 1);
}

extern "C" void ignore(int /*signal*/) {}

/// Signals to all processes of a job are for the program to judge. Handlers instead of SIG_IGN,
/// because programs that the model starts would inherit that.
void ignore_signals_to_the_job() {
  struct sigaction action {};
  action.sa_handler = ignore;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP}) {
    ::sigaction(signal, &action, nullptr);
  }
  ::signal(SIGPIPE, SIG_DFL);
}

/// The child's end of the connection; it waits as long as it takes.
class WorkerLine {
 public:
  explicit WorkerLine(Descriptor channel) : channel_(std::move(channel)) {}

  /// The next message; none when the worker has no more.
  std::optional<Message> receive() {
    while (true) {
      if (auto message = inbox_.take()) {
        return message;
      }
      const ssize_t size = ::recv(channel_.get(), buffer_.data(), buffer_.size(), 0);
      if (size > 0) {
        inbox_.append(buffer_.data(), static_cast<std::size_t>(size));
      } else if (size == 0 || errno != EINTR) {
        return std::nullopt;
      }
    }
  }

  void send(MessageKind kind, std::int64_t id, std::string_view body) const {
    const std::string bytes = frame(kind, id, body);
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t size =
          ::send(channel_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (size > 0) {
        done += static_cast<std::size_t>(size);
      } else if (errno != EINTR) {
        return;  // nobody is there any more; the next `receive` says so
      }
    }
  }

 private:
  Descriptor channel_;
  Inbox inbox_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{64} * 1024);
};

Refusal describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return {.kind = error.exit_code(), .message = error.what()};
  } catch (const std::exception& error) {
    return {.kind = 0, .message = error.what()};
  } catch (...) {
    return {.kind = 0, .message = "an exception that is no std::exception"};
  }
}

/// One run; what the model throws is a crash.
model::ModelResult run(model::Model& model, const Message& request) {
  const auto wanted = decode_request(request.body);
  INVAR_EXPECTS(request.kind == MessageKind::request && wanted);
  try {
    return model.evaluate(*wanted);
  } catch (...) {
    return model::crash_of(std::current_exception());
  }
}

void serve(WorkerLine& line, const std::function<std::unique_ptr<model::Model>()>& make) {
  std::unique_ptr<model::Model> model;
  try {
    model = make();
    INVAR_EXPECTS(model != nullptr);
  } catch (...) {
    line.send(MessageKind::refused, -1, encode_refusal(describe(std::current_exception())));
    return;
  }
  line.send(MessageKind::ready, -1,
            encode_abilities({.num_parameters = model->num_parameters(),
                              .num_qois = model->num_qois(),
                              .derivatives = model->capabilities()}));
  while (const auto request = line.receive()) {
    line.send(MessageKind::reply, request->id, encode_result(run(*model, *request)));
  }
}

}  // namespace

void live(Descriptor channel, const Origin& origin, const Host& host) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != origin.server) {
    ::_exit(0);  // it died before the kernel was asked to end this process with it
  }
  ::setpgid(0, 0);
  ::prctl(PR_SET_NAME, "invar-model");
  ignore_signals_to_the_job();
  ::sigprocmask(SIG_SETMASK, &origin.signal_mask, nullptr);
  leave_the_job();
  volunteer_when_memory_runs_out();

  int code = 0;
  try {
    WorkerLine line(std::move(channel));
    if (const auto blueprint = line.receive()) {
      host(blueprint->body, [&line](const auto& make) { serve(line, make); });
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "invar: a process for the model: %s\n", error.what());
    code = static_cast<int>(ErrorKind::internal);
  }
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace invar::isolation
