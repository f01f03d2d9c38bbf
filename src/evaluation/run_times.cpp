#include "invar/evaluation/run_times.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace invar::evaluation {
namespace {

constexpr std::size_t num_remembered = 256;
constexpr std::size_t num_averaged = 32;

}  // namespace

void RunTimes::add(double seconds) {
  num_averaged_ = std::min(num_averaged_ + 1, num_averaged);
  mean_s_ += (seconds - mean_s_) / static_cast<double>(num_averaged_);
  if (recent_.size() < num_remembered) {
    recent_.push_back(seconds);
  } else {
    recent_[next_] = seconds;
    next_ = (next_ + 1) % num_remembered;
  }
}

void RunTimes::add(const std::vector<double>& seconds) {
  for (const double one : seconds) {
    add(one);
  }
}

double RunTimes::mean_s() const {
  return num_averaged_ > 0 ? mean_s_ : std::numeric_limits<double>::infinity();
}

double RunTimes::median_s() const {
  if (recent_.empty()) {
    return std::numeric_limits<double>::infinity();
  }
  std::vector<double> sorted = recent_;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

bool RunTimes::would_likely_finish(double seconds_left) const {
  if (recent_.empty() || std::isinf(seconds_left)) {
    return seconds_left > 0;
  }
  const auto num_short =
      std::count_if(recent_.begin(), recent_.end(),
                    [seconds_left](double seconds) { return seconds <= seconds_left; });
  return 2 * static_cast<std::size_t>(num_short) >= recent_.size();
}

}  // namespace invar::evaluation
