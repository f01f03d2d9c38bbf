#pragma once

#include <chrono>
#include <limits>
#include <optional>

namespace invar::isolation {

/// A time limit of a wait that is done in naps. What a nap takes beyond its length by far (the job
/// was suspended) does not count.
///
/// Units: seconds. MPI: Local.
class Deadline {
 public:
  /// @param seconds  from now on; none for no limit
  explicit Deadline(std::optional<double> seconds)
      : left_s_(seconds.value_or(std::numeric_limits<double>::infinity())) {}

  [[nodiscard]] bool is_over() const { return left_s_ <= 0; }

  /// How long the next nap may take, for poll(); it begins now.
  int begin_nap_ms() {
    begin_ = Clock::now();
    nap_s_ = left_s_ < longest_nap_s ? left_s_ : longest_nap_s;
    constexpr double ms_per_s = 1e3;
    return nap_s_ <= 0 ? 0 : static_cast<int>(nap_s_ * ms_per_s) + 1;
  }

  void end_nap() {
    const double taken_s = std::chrono::duration<double>(Clock::now() - begin_).count();
    left_s_ -= taken_s > nap_s_ + absence_s ? nap_s_ : taken_s;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr double longest_nap_s = 0.25;
  static constexpr double absence_s = 0.25;

  double left_s_;
  double nap_s_ = 0;
  Clock::time_point begin_{};
};

}  // namespace invar::isolation
