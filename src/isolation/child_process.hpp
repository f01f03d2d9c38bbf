#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "invar/isolation/deadline.hpp"
#include "invar/isolation/fork_server.hpp"
#include "isolation/message.hpp"

namespace invar::isolation {

/// A process that runs the model, as its worker sees it.
class ChildProcess {
 public:
  /// Starts it; does not wait.
  /// Lifetime: the server must outlive it.
  /// @throws Error(unavailable)
  explicit ChildProcess(ForkServer& server);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ChildProcess(ChildProcess&&) = delete;
  ChildProcess& operator=(ChildProcess&&) = delete;

  /// Lets an idle process come to its own end, and kills it when that takes long.
  ~ChildProcess();

  struct Late {};     // the deadline is over
  struct Garbled {};  // what came is no message
  struct Closed {};   // it said nothing more; how it ended is not known yet
  struct GivenUp {};  // nobody waits any more
  using Incoming = std::variant<Message, Ending, Late, Garbled, Closed, GivenUp>;

  /// Sends a message. When that does not work, `receive` says why.
  /// @return false when the deadline is over
  bool send(MessageKind kind, std::int64_t id, std::string_view body, Deadline deadline);

  /// Waits for the next message; what was sent before an ending comes before it.
  /// @param is_given_up  looked at several times a second
  Incoming receive(Deadline deadline, const std::function<bool()>& is_given_up);

  /// Whether its end of the connection is closed, which is known before the server says so.
  [[nodiscard]] bool has_hung_up() const;

  /// How it ends, when it does so in time.
  std::optional<Ending> wait_for_ending(Deadline deadline);

  /// Kills it with all that it started, and waits for that (not for ever: a process in the hands of
  /// a dead file system cannot be killed).
  void kill();

 private:
  struct Events {
    bool has_news = false;
    bool is_channel_ready = false;
  };

  /// Sleeps until there is something to look at, or for a while.
  Events nap(Deadline& deadline, short channel_events);
  /// Takes in what has come.
  void drain();

  ForkServer* server_;
  std::int64_t number_ = 0;
  Descriptor channel_;  // closed once the other end is
  Inbox inbox_;
  std::vector<char> buffer_;
};

}  // namespace invar::isolation
