#include "umbridge_server/request_queue.hpp"

#include <utility>

namespace invar::umbridge_server {

std::optional<std::future<model::ModelResult>> RequestQueue::submit(
    const model::ModelRequest& request) {
  const std::lock_guard lock(mutex_);
  if (is_closed_ || jobs_.size() >= most_) {
    return std::nullopt;
  }
  Job& job = jobs_.emplace_back(Job{request, {}});
  filled_.notify_one();
  return job.result.get_future();
}

std::optional<Job> RequestQueue::take() {
  const std::lock_guard lock(mutex_);
  if (jobs_.empty()) {
    return std::nullopt;
  }
  std::optional<Job> job(std::move(jobs_.front()));
  jobs_.pop_front();
  return job;
}

void RequestQueue::wait(std::chrono::microseconds at_most) {
  std::unique_lock lock(mutex_);
  filled_.wait_for(lock, at_most, [this] { return !jobs_.empty(); });
}

void RequestQueue::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  for (Job& job : jobs_) {
    job.result.set_value(cancelled_result());
  }
  jobs_.clear();
}

model::ModelResult cancelled_result() {
  return {.status = Status::cancelled, .message = "the server ends"};
}

}  // namespace invar::umbridge_server
