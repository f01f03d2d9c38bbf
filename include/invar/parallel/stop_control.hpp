#pragma once

#include <atomic>
#include <chrono>
#include <limits>
#include <optional>

namespace invar::parallel {

/// When the program should come to an end. The manager looks at it whenever it waits.
///
/// A stop that is wanted lets what runs finish and starts nothing new; once it is due, what still
/// runs is not waited for.
///
/// Thread-safety: `ask` and `ask_for_status` may be called from a signal handler or another thread;
///                the deadline is set and read by one thread.
class StopControl {
 public:
  using Clock = std::chrono::steady_clock;

  /// Asks for a stop.
  /// @param signal  that did it, for people; 0 for none
  void ask(int signal = 0) noexcept {
    signal_.store(signal, std::memory_order_relaxed);
    is_asked_.store(true, std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_asked() const noexcept { return is_asked_.load(std::memory_order_relaxed); }
  [[nodiscard]] int signal() const noexcept { return signal_.load(std::memory_order_relaxed); }

  /// Asks for a status report.
  void ask_for_status() noexcept { is_status_wanted_.store(true, std::memory_order_relaxed); }
  /// Whether a report was asked for since the last call.
  [[nodiscard]] bool take_status_request() noexcept {
    return is_status_wanted_.exchange(false, std::memory_order_relaxed);
  }

  /// The program has to be gone at `end`.
  void set_end(Clock::time_point end) noexcept { end_ = end; }
  [[nodiscard]] bool has_end() const noexcept { return end_.has_value(); }

  /// How long before the end the model is not waited for any more, because everything has to be
  /// written; in seconds.
  void set_margin(double seconds) noexcept { margin_s_ = seconds; }

  /// Time that runs of the model still have, in seconds; infinite without an end.
  [[nodiscard]] double seconds_left() const noexcept {
    return end_ ? std::chrono::duration<double>(*end_ - Clock::now()).count() - margin_s_
                : std::numeric_limits<double>::infinity();
  }

  [[nodiscard]] bool is_due() const noexcept { return end_ && seconds_left() <= 0; }
  [[nodiscard]] bool is_wanted() const noexcept { return is_asked() || is_due(); }

 private:
  std::atomic<bool> is_asked_{false};
  std::atomic<bool> is_status_wanted_{false};
  std::atomic<int> signal_{0};
  std::optional<Clock::time_point> end_;
  double margin_s_ = 0;
  static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
                "a signal handler may set them");
};

}  // namespace invar::parallel
