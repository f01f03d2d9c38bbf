#include "evaluation/task_queue.hpp"

#include <algorithm>

namespace invar::evaluation {

std::optional<std::size_t> TaskQueue::take(int group, bool has_other) {
  const auto may_run = [&](std::size_t task) {
    return !has_other || tasks_[task].last_group != group;
  };
  std::size_t taken = 0;
  const auto found = std::find_if(again_.begin(), again_.end(), may_run);
  if (found != again_.end()) {
    taken = *found;
    again_.erase(found);
  } else if (next_ < tasks_.size()) {
    taken = next_;
  } else {
    return std::nullopt;
  }
  begun(taken, group);
  return taken;
}

void TaskQueue::begun(std::size_t task, int group) {
  ++tasks_[task].attempts;
  tasks_[task].last_group = group;
  tasks_[task].was_taken = true;
  while (next_ < tasks_.size() && tasks_[next_].was_taken) {
    ++next_;
  }
}

std::vector<std::size_t> TaskQueue::take_several(std::size_t most, int group, bool has_other) {
  std::vector<std::size_t> tasks;
  bool is_repeated = false;
  while (tasks.size() < most && !is_repeated) {
    const auto task = take(group, has_other);
    if (!task) {
      break;
    }
    is_repeated = attempts(*task) > 1;
    if (is_repeated && !tasks.empty()) {
      put_back(*task);
    } else {
      tasks.push_back(*task);
    }
  }
  return tasks;
}

void TaskQueue::disregard(std::size_t task) {
  --tasks_[task].attempts;
  again_.push_back(task);
}

void TaskQueue::put_back(std::size_t task) {
  --tasks_[task].attempts;
  tasks_[task].last_group = -1;
  again_.push_front(task);
}

}  // namespace invar::evaluation
