#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace invar::model_umbridge {

/// Calls a function at a moment, unless it is disarmed before.
///
/// Its thread sleeps through as many runs as it can, so that arming costs no switch of threads.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param bark  called from another thread, never after `disarm` has returned
  explicit Watchdog(std::function<void()> bark);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  Watchdog(Watchdog&&) = delete;
  Watchdog& operator=(Watchdog&&) = delete;
  ~Watchdog() = default;  // the thread is asked to stop and waited for

  void arm(Clock::time_point at);
  void disarm();

 private:
  void watch(const std::stop_token& stop);

  std::function<void()> bark_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Clock::time_point at_ = Clock::time_point::max();     // max: disarmed
  Clock::time_point wakes_ = Clock::time_point::min();  // when the thread looks again
  std::jthread thread_;                                 // last: it uses the others
};

}  // namespace invar::model_umbridge
