#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

namespace invar::evaluation {

/// The tasks of a batch that are to be started, in index order, with their attempts so far.
class TaskQueue {
 public:
  explicit TaskQueue(std::size_t num_tasks) : tasks_(num_tasks) {}

  [[nodiscard]] bool is_empty() const { return again_.empty() && next_ == tasks_.size(); }

  /// The first task that may run on `group`, counted as an attempt there.
  ///
  /// @param has_other  another group could run what failed on this one
  std::optional<std::size_t> take(int group, bool has_other);

  /// Counts an attempt on `group`: of a task that is at work there before it was ever taken.
  void begun(std::size_t task, int group);

  /// Tasks that are run in one go, at most `most`; empty where `take` gives none. What is repeated
  /// is alone: it may be what made the others fail.
  std::vector<std::size_t> take_several(std::size_t most, int group, bool has_other);

  /// A failed attempt is to be repeated, on another group if possible.
  void repeat(std::size_t task) { again_.push_back(task); }

  /// A failed attempt that does not count; the task is to be run on another group if possible.
  void disregard(std::size_t task);

  /// An attempt that was never begun.
  void put_back(std::size_t task);

  [[nodiscard]] int attempts(std::size_t task) const { return tasks_[task].attempts; }

 private:
  struct Task {
    int attempts = 0;
    int last_group = -1;
    bool was_taken = false;
  };

  std::vector<Task> tasks_;
  std::size_t next_ = 0;           // the first task that was never taken
  std::deque<std::size_t> again_;  // taken before; these go first
};

}  // namespace invar::evaluation
