#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "invar/isolation/descriptor.hpp"
#include "invar/isolation/host.hpp"

namespace invar::isolation {

/// How a process ended.
struct Ending {
  enum class Kind : std::int32_t {
    ended,        // `value` is the status as of waitpid
    not_started,  // `value` is an errno
    unknown,      // the fork server itself is gone
  };
  Kind kind = Kind::unknown;
  std::int32_t value = 0;
};

/// A process that is forked before MPI and any thread are there, and from which the processes that
/// run models descend: a process that uses MPI must not fork, and its children could not start MPI
/// anew.
///
/// The server sleeps until it is asked for a child. It stands in a session of its own, so that the
/// signals of a terminal reach neither it nor its children, and signals to all processes of a job
/// do not end them. When this object stops it or this process dies in whatever way, the server
/// kills all its children, with everything that they started, and leaves. When the server dies, the
/// kernel kills its children.
///
/// A child stands in a process group of its own, is what the kernel kills first when memory runs
/// out, and finds an environment in which it can start MPI by itself.
///
/// MPI:         Local; constructed before MPI is initialised.
/// Cost:        a sleeping process; no memory of its own worth the name.
/// Failure:     where the server cannot be started, `start` says so.
/// Thread-safety: one thread.
class ForkServer {
 public:
  /// @param host  what a child does; runs in the child only
  explicit ForkServer(const Host& host);
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;
  ForkServer(ForkServer&&) = delete;
  ForkServer& operator=(ForkServer&&) = delete;
  ~ForkServer() { stop(); }

  /// Ends the server and its children, and waits for it. Does nothing the second time.
  void stop() noexcept;

  struct Child {
    std::int64_t number = 0;
    Descriptor channel;  // to the child
  };

  /// Asks for a child.
  /// @throws Error(unavailable)  when the server or the channel could not be made or is gone
  Child start();

  /// Kills a child, unless it has ended, with everything that it started.
  void kill(std::int64_t number) noexcept;

  /// How a child ended, as far as the server has said; does not wait.
  std::optional<Ending> ending(std::int64_t number);

  /// Readable when there may be news about an ending; -1 once the server is gone.
  [[nodiscard]] int news() const noexcept { return socket_.get(); }

 private:
  void take_news();

  Descriptor socket_;
  int server_ = -1;  // process id
  std::string problem_;
  std::int64_t last_number_ = 0;
  std::map<std::int64_t, Ending> endings_;  // of children that somebody may still ask for
};

}  // namespace invar::isolation
