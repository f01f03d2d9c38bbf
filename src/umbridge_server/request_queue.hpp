#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <future>
#include <mutex>
#include <optional>

#include "invar/model/model.hpp"

namespace invar::umbridge_server {

/// A run that a thread waits for.
struct Job {
  model::ModelRequest request;
  std::promise<model::ModelResult> result;
};

/// Requests on their way from the threads that talk HTTP to the one that talks MPI.
///
/// Thread-safety: `submit` from any thread, the others from one.
/// MPI: Local.
class RequestQueue {
 public:
  explicit RequestQueue(std::size_t most) : most_(most) {}

  /// The result to come; none when the queue is full or closed.
  std::optional<std::future<model::ModelResult>> submit(const model::ModelRequest& request);

  /// The oldest request, or none.
  std::optional<Job> take();

  /// Waits until there is a request, at most so long.
  void wait(std::chrono::microseconds at_most);

  /// Takes nothing more; what waits becomes `cancelled`.
  void close();

 private:
  std::size_t most_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Job> jobs_;
  bool is_closed_ = false;
};

/// What a request gets that is not run any more.
model::ModelResult cancelled_result();

}  // namespace invar::umbridge_server
