#pragma once

#include <chrono>

namespace invar::parallel {

/// Paces a loop that looks for something: at first it looks again at once, then it sleeps in naps
/// that grow with the time waited. The delay it adds is a small share of the wait, and a long wait
/// costs next to nothing.
class Backoff {
 public:
  /// @param shortest_nap  what the reader can bear to be late, besides the 50 microseconds or so
  ///                      that the kernel adds; falling asleep and waking up costs some 15
  explicit Backoff(std::chrono::microseconds shortest_nap = std::chrono::microseconds(10))
      : shortest_nap_(shortest_nap) {}

  /// Call when nothing was found; returns when to look again.
  void pause();

 private:
  using Clock = std::chrono::steady_clock;
  std::chrono::microseconds shortest_nap_;
  Clock::time_point since_{};
  bool has_started_ = false;
};

}  // namespace invar::parallel
