#pragma once

#include <atomic>

namespace invar::parallel {

/// Says that the program should come to an end soon; looked at whenever the manager waits.
///
/// Thread-safety: may be raised from a signal handler or another thread.
class StopFlag {
 public:
  void raise() noexcept { is_raised_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_raised() const noexcept {
    return is_raised_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> is_raised_{false};
  static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may set it");
};

}  // namespace invar::parallel
