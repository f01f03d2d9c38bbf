#pragma once

#include <cstddef>
#include <vector>

namespace invar::evaluation {

/// How long recent runs of the model took: the last few hundred.
///
/// Units: seconds.
/// MPI:   Local.
class RunTimes {
 public:
  void add(double seconds);
  /// Several, oldest first.
  void add(const std::vector<double>& seconds);

  /// A mean that forgets about 32 runs ago; infinite before the first run.
  [[nodiscard]] double mean_s() const;

  /// The median; infinite before the first run.
  [[nodiscard]] double median_s() const;

  /// Whether at least half of the recent runs took no longer than `seconds_left`. Without any, a
  /// run is worth trying as long as time is left.
  ///
  /// Cost: O(recent runs) when time is short, nothing without an end.
  [[nodiscard]] bool would_likely_finish(double seconds_left) const;

 private:
  std::vector<double> recent_;  // a ring
  std::size_t next_ = 0;        // the oldest one, once the ring is full
  std::size_t num_averaged_ = 0;
  double mean_s_ = 0;
};

}  // namespace invar::evaluation
