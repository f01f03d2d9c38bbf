#include "invar/parallel/task_pool.hpp"

#include <algorithm>
#include <utility>

#include "invar/core/error.hpp"
#include "parallel/message.hpp"

namespace invar::parallel {
namespace {

// So many replies are taken before the clock and the stop flag are looked at again.
constexpr int most_replies_at_once = 64;
// The manager of many groups never waits long, so its naps must not be the very shortest.
constexpr std::chrono::microseconds shortest_nap{100};
// How often the caller gets a turn while nothing arrives.
constexpr std::chrono::milliseconds idle_interval{100};
// Far longer than any nap: the manager was elsewhere, or the whole job was suspended.
constexpr std::chrono::milliseconds absence{100};

std::size_t slot(int group) {
  return static_cast<std::size_t>(group);
}

double seconds_between(std::chrono::steady_clock::time_point from,
                       std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

TaskPool::TaskPool(const Groups& groups, std::optional<double> timeout_s)
    : all_(&groups), timeout_s_(timeout_s), groups_(slot(groups.num_groups())) {
  INVAR_EXPECTS(groups.is_manager() && groups.plan().num_ranks >= 2);
}

std::size_t TaskPool::load(int group) const {
  return groups_[slot(group)].tasks.size();
}

bool TaskPool::is_lost(int group) const {
  return groups_[slot(group)].is_lost;
}

void TaskPool::submit(int group, std::int64_t ticket, std::span<const std::byte> task) {
  Group& to = groups_[slot(group)];
  INVAR_EXPECTS(!to.is_lost && is_sendable(task));
  if (to.tasks.empty()) {
    to.started = Clock::now();
    ++num_busy_;
  }
  Task& sent = to.tasks.emplace_back();
  sent.ticket = ticket;
  if (!spare_.empty()) {
    sent.bytes = std::move(spare_.back());
    spare_.pop_back();
  }
  sent.bytes.assign(task.begin(), task.end());
  MPI_Isend(sent.bytes.data(), static_cast<int>(sent.bytes.size()), MPI_BYTE,
            all_->plan().leader_of(group), tag_task, all_->all().get(), &sent.request);
}

bool TaskPool::poll(const Callbacks& callbacks) {
  int num_replies = 0;
  while (num_replies < most_replies_at_once && receive_one(callbacks)) {
    ++num_replies;
  }
  // Only after what has arrived was taken: a busy manager must not blame the groups.
  const bool has_lost = num_replies < most_replies_at_once && write_off_late_groups(callbacks);
  return num_replies > 0 || has_lost;
}

void TaskPool::wait(const Callbacks& callbacks, const StopControl& stop) {
  Clock::time_point idle_since = Clock::now();
  for (Backoff backoff(shortest_nap); !stop.is_due(); backoff.pause()) {
    if (poll(callbacks)) {
      return;
    }
    if (const Clock::time_point now = Clock::now(); now - idle_since > idle_interval) {
      idle_since = now;
      callbacks.on_idle();
    }
  }
}

bool TaskPool::receive_one(const Callbacks& callbacks) {
  int index = 0;
  do {
    const auto envelope = receive_if_any(all_->all().get(), MPI_ANY_SOURCE, reply_);
    if (!envelope) {
      return false;
    }
    index = all_->plan().group_of(envelope->source);
  } while (is_lost(index));
  Group& group = groups_[slot(index)];
  INVAR_EXPECTS(!group.tasks.empty());
  Task done = std::move(group.tasks.front());
  group.tasks.pop_front();
  num_busy_ -= group.tasks.empty() ? 1 : 0;
  group.started = Clock::now();
  MPI_Wait(&done.request, MPI_STATUS_IGNORE);  // answered, so it was received
  spare_.push_back(std::move(done.bytes));
  callbacks.on_reply({.group = index, .ticket = done.ticket, .bytes = reply_});
  return true;
}

bool TaskPool::write_off_late_groups(const Callbacks& callbacks) {
  if (!timeout_s_) {
    return false;
  }
  const Clock::time_point now = Clock::now();
  // What happens while the manager does not look is not held against the groups.
  const Clock::time_point looked = std::exchange(looked_, now);
  const bool was_away = now - looked > absence;
  bool has_lost = false;
  for (int index = 0; index < num_groups(); ++index) {
    Group& group = groups_[slot(index)];
    if (was_away) {
      group.started += now - std::max(looked, group.started);
    }
    if (group.is_lost || group.tasks.empty() ||
        seconds_between(group.started, now) <= *timeout_s_) {
      continue;
    }
    group.is_lost = true;
    ++num_lost_;
    --num_busy_;
    has_lost = true;
    // The tasks stay: MPI may still read their bytes.
    Loss loss{.group = index, .running = group.tasks.front().ticket};
    for (std::size_t i = 1; i < group.tasks.size(); ++i) {
      loss.queued.push_back(group.tasks[i].ticket);
    }
    callbacks.on_loss(loss);
  }
  return has_lost;
}

bool TaskPool::shut_down(double patience_s) {
  const Comm& all = all_->all();
  std::vector<MPI_Request> requests;
  const auto tell = [&](int rank) {
    MPI_Isend(nullptr, 0, MPI_BYTE, rank, tag_shut_down, all.get(),
              &requests.emplace_back(MPI_REQUEST_NULL));
  };
  for (int rank = 1; rank < all_->plan().num_ranks; ++rank) {
    const int group = all_->plan().group_of(rank);
    if (group < 0 || all_->plan().leader_of(group) == rank) {
      tell(rank);
    }
  }
  const Clock::time_point begin = Clock::now();
  int num_left = 0;
  for (Backoff backoff; num_left < num_groups();) {
    const auto envelope = receive_if_any(all.get(), MPI_ANY_SOURCE, reply_);
    if (envelope) {
      num_left += envelope->tag == tag_left ? 1 : 0;
    } else if (seconds_between(begin, Clock::now()) > patience_s) {
      return false;
    } else {
      backoff.pause();
    }
  }
  for (MPI_Request& request : requests) {
    wait_in_naps(request);
  }
  return true;
}

}  // namespace invar::parallel
