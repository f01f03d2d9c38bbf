#include "invar/isolation/isolated_model.hpp"

#include <chrono>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <variant>

#include <sys/wait.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "isolation/child_process.hpp"

namespace invar::isolation {
namespace {

// A process that gave its last word must be gone soon.
constexpr double last_breath_s = 1.0;
// A process that is made ready again may take so many times what the first one took, and these
// seconds on top: a first start of milliseconds says nothing of a machine that is busy now.
constexpr double rebuild_factor = 10.0;
constexpr double rebuild_allowance_s = 5.0;

/// What the process was at, for messages.
enum class Stage { building, running };

model::ModelResult failure(Status status, std::string message) {
  return {.status = status, .message = std::move(message), .qois = {}};
}

std::string describe(const Ending& ending, Stage stage) {
  const std::string when =
      stage == Stage::running ? "in the middle of a run" : "while it built the model";
  if (ending.kind == Ending::Kind::not_started) {
    return fmt::format("the model's process could not be started: {}", std::strerror(ending.value));
  }
  if (ending.kind == Ending::Kind::unknown) {
    return "the process that starts the model's processes is gone; stop, and `invar resume DIR "
           "--retry-failed`";
  }
  if (WIFSIGNALED(ending.value)) {
    const int signal = WTERMSIG(ending.value);
    return fmt::format("killed by signal {} ({}){}{}", signal, ::strsignal(signal),
                       stage == Stage::building ? " " + when : "",
                       signal == SIGKILL ? "; the kernel does this when memory runs out" : "");
  }
  return fmt::format("exited with code {} {}", WEXITSTATUS(ending.value), when);
}

class IsolatedModel final : public model::Model {
 public:
  IsolatedModel(ForkServer& server, IsolationOptions options)
      : server_(&server), options_(std::move(options)) {
    const auto begin = std::chrono::steady_clock::now();
    start();
    make_ready(Deadline(std::nullopt));
    first_start_s_ =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  IsolatedModel(const IsolatedModel&) = delete;
  IsolatedModel& operator=(const IsolatedModel&) = delete;
  IsolatedModel(IsolatedModel&&) = delete;
  IsolatedModel& operator=(IsolatedModel&&) = delete;
  ~IsolatedModel() override {
    if (child_ && !is_ready_) {
      child_->kill();  // it has nothing to end in good order, and may be at it for long
    }
  }

  [[nodiscard]] Eigen::Index num_parameters() const override { return abilities_.num_parameters; }
  [[nodiscard]] Eigen::Index num_qois() const override { return abilities_.num_qois; }
  [[nodiscard]] model::Capabilities capabilities() const override { return abilities_.derivatives; }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    if (child_ && is_ready_ && child_->has_hung_up()) {
      child_.reset();  // between two runs
    }
    try {
      if (!child_) {
        start();
      }
      if (!is_ready_) {
        make_ready(Deadline(rebuild_limit_s()));
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::stopped_early) {
        return failure(Status::cancelled, error.what());
      }
      replace();
      return failure(Status::crashed, error.what());
    } catch (const std::exception& error) {
      replace();
      return failure(Status::crashed, error.what());
    }
    model::ModelResult result = ask(request);
    if (has_gone_wrong_) {
      replace();
    }
    return result;
  }

 private:
  /// Starts a process; does not wait until it is ready.
  void start() {
    is_ready_ = false;
    has_gone_wrong_ = false;
    child_.emplace(*server_);
    child_->send(MessageKind::blueprint, -1, options_.blueprint, Deadline(std::nullopt));
  }

  /// Waits until the model stands.
  /// @throws Error, std::runtime_error  when it does not
  void make_ready(Deadline deadline) {
    const auto incoming = child_->receive(deadline, options_.is_given_up);
    if (const auto* const message = std::get_if<Message>(&incoming)) {
      if (const auto abilities = decode_abilities(message->body);
          abilities && message->kind == MessageKind::ready) {
        abilities_ = *abilities;
        is_ready_ = true;
        return;
      }
      if (const auto refusal = decode_refusal(message->body);
          refusal && message->kind == MessageKind::refused) {
        if (refusal->kind != 0) {
          throw Error(static_cast<ErrorKind>(refusal->kind), refusal->message);
        }
        throw std::runtime_error(refusal->message);
      }
    }
    if (std::holds_alternative<ChildProcess::GivenUp>(incoming)) {
      throw Error(ErrorKind::stopped_early, "the time was over before the model was ready to run");
    }
    throw Error(ErrorKind::unavailable, "model: " + judge(incoming, Stage::building).message);
  }

  /// One run in a process that is ready.
  model::ModelResult ask(const model::ModelRequest& request) {
    const Deadline deadline(options_.timeout_s);
    ChildProcess::Incoming incoming = ChildProcess::Late{};
    if (child_->send(MessageKind::request, request.id, encode_request(request), deadline)) {
      incoming = child_->receive(deadline, options_.is_given_up);
    }
    if (const auto* const message = std::get_if<Message>(&incoming);
        message != nullptr && message->kind == MessageKind::reply && message->id == request.id) {
      if (auto result = decode_result(message->body)) {
        return *std::move(result);
      }
    }
    has_gone_wrong_ = true;
    return judge(incoming, Stage::running);
  }

  /// What it means when no good answer came.
  model::ModelResult judge(const ChildProcess::Incoming& incoming, Stage stage) {
    if (const auto* const ending = std::get_if<Ending>(&incoming)) {
      return failure(Status::crashed, describe(*ending, stage));
    }
    if (std::holds_alternative<ChildProcess::Closed>(incoming)) {
      const auto ending = child_->wait_for_ending(Deadline(last_breath_s));
      return failure(Status::crashed, ending ? describe(*ending, stage)
                                             : "the model's process closed its connection");
    }
    if (std::holds_alternative<ChildProcess::Late>(incoming)) {
      return failure(Status::timeout,
                     stage == Stage::running
                         ? fmt::format("no answer within {} s (evaluation.timeout_s)",
                                       options_.timeout_s.value_or(0))
                         : "the model's new process did not get ready");
    }
    if (std::holds_alternative<ChildProcess::GivenUp>(incoming)) {
      return failure(Status::cancelled, "nobody waits for the run any more");
    }
    return failure(Status::bad_output, "the answer of the model's process cannot be read");
  }

  /// Puts a fresh process in place of one that must not be used again.
  void replace() {
    if (child_) {
      child_->kill();
      child_.reset();
    }
    try {
      start();  // it gets ready while nobody waits for it
    } catch (const Error&) {
      child_.reset();  // the next run tries again, and says so
    }
  }

  [[nodiscard]] std::optional<double> rebuild_limit_s() const {
    if (!options_.timeout_s) {
      return std::nullopt;
    }
    return *options_.timeout_s + rebuild_factor * first_start_s_ + rebuild_allowance_s;
  }

  ForkServer* server_;
  IsolationOptions options_;
  std::optional<ChildProcess> child_;
  Abilities abilities_;
  bool is_ready_ = false;        // the model stands in the child
  bool has_gone_wrong_ = false;  // the child must not be used again
  double first_start_s_ = 0;
};

}  // namespace

std::unique_ptr<model::Model> make_isolated_model(ForkServer& server,
                                                  const IsolationOptions& options) {
  return std::make_unique<IsolatedModel>(server, options);
}

}  // namespace invar::isolation
