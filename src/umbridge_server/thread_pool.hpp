#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace invar::umbridge_server {

/// Threads that come when they are needed: a connection that is kept open holds one.
///
/// Thread-safety: `enqueue` from one thread.
/// MPI: Local.
class ThreadPool {
 public:
  explicit ThreadPool(std::size_t most) : most_(most) {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ThreadPool(ThreadPool&&) = delete;
  ThreadPool& operator=(ThreadPool&&) = delete;
  ~ThreadPool() { finish(); }

  /// Runs the task on an idle or a new thread, or later when all are there and at work.
  void enqueue(std::function<void()> task);

  /// Finishes everything and ends the threads.
  void finish();

 private:
  void work();

  std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::size_t num_idle_ = 0;
  bool is_finished_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace invar::umbridge_server
