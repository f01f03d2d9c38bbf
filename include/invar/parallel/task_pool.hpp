#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "invar/parallel/groups.hpp"
#include "invar/parallel/stop_control.hpp"

namespace invar::parallel {

/// Sends tasks to groups of ranks and takes their replies; it does not know what is computed.
///
/// Every task has a ticket chosen by the caller. A group works on its tasks one after the other in
/// the order of their submission. With a timeout, a group that works longer on one task is written
/// off: it gets nothing more and what it still says is ignored. Time in which the manager did not
/// look (it was busy elsewhere, or the job was suspended) does not count.
///
/// MPI: Manager only; the other ranks are in `serve`.
/// Units: timeout_s and patience_s in seconds.
class TaskPool {
 public:
  struct Reply {
    int group = 0;
    std::int64_t ticket = 0;
    std::span<const std::byte> bytes;  // valid until the callback returns
  };

  /// A group that was written off, with what it had.
  struct Loss {
    int group = 0;
    std::int64_t running = 0;               // ticket of the task that took too long
    std::vector<std::int64_t> queued = {};  // tickets of those it never came to
  };

  /// What `wait` calls, in the order in which things happen. The first two may submit tasks.
  struct Callbacks {
    std::function<void(const Reply&)> on_reply;
    std::function<void(const Loss&)> on_loss;
    std::function<void()> on_idle = [] {};  // some ten times a second while nothing arrives
  };

  /// Lifetime: `groups` must outlive the pool.
  /// @pre groups has at least two ranks, and this is the manager
  TaskPool(const Groups& groups, std::optional<double> timeout_s);

  [[nodiscard]] int num_groups() const noexcept { return static_cast<int>(groups_.size()); }

  /// Number of tasks that a group has and has not answered.
  [[nodiscard]] std::size_t load(int group) const;
  [[nodiscard]] bool is_lost(int group) const;
  [[nodiscard]] int num_lost() const noexcept { return num_lost_; }
  /// Number of groups that are not lost and have a task.
  [[nodiscard]] int num_busy() const noexcept { return num_busy_; }

  /// Sends a copy of the task to a group; does not wait.
  /// @pre the group is not lost; the task is shorter than 2 GiB
  void submit(int group, std::int64_t ticket, std::span<const std::byte> task);

  /// Waits until at least one reply or loss has been handed over, or the stop is due.
  ///
  /// It keeps looking for some microseconds and then sleeps in naps that grow with the time it has
  /// waited, so that a long wait costs next to nothing.
  ///
  /// @pre some group that is not lost has a task
  void wait(const Callbacks& callbacks, const StopControl& stop);

  /// Hands over what has arrived, without waiting; whether it was anything.
  bool poll(const Callbacks& callbacks);

  /// Tells all other ranks to leave `serve`.
  ///
  /// @param patience_s  how long to wait for groups that are still at work
  /// @return            whether all groups have left. If not, MPI_Finalize would hang: save
  ///                    everything and end with `Session::abort`.
  [[nodiscard]] bool shut_down(double patience_s);

 private:
  using Clock = std::chrono::steady_clock;

  struct Task {
    std::int64_t ticket = 0;
    std::vector<std::byte> bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  struct Group {
    std::deque<Task> tasks;       // the first one is being worked on
    Clock::time_point started{};  // since when
    bool is_lost = false;
  };

  bool receive_one(const Callbacks& callbacks);
  bool write_off_late_groups(const Callbacks& callbacks);

  const Groups* all_;
  std::optional<double> timeout_s_;
  std::vector<Group> groups_;
  std::vector<std::byte> reply_;
  std::vector<std::vector<std::byte>> spare_;  // buffers of answered tasks, for the next ones
  Clock::time_point looked_{};                 // when deadlines were last looked at
  int num_lost_ = 0;
  int num_busy_ = 0;
};

}  // namespace invar::parallel
