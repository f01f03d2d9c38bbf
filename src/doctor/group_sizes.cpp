#include "doctor/group_sizes.hpp"

#include <algorithm>

namespace invar::doctor {
namespace {

constexpr double seconds_per_hour = 3600.0;
constexpr double close_to_best = 0.97;

/// At a share between 0 and 1 of the sorted values, interpolated.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

int num_groups(int num_ranks, int ranks_per_model) {
  return std::max(1, num_ranks - 1) / ranks_per_model;
}

}  // namespace

std::vector<int> group_sizes(int num_ranks, int reference) {
  std::vector<int> sizes = {reference};
  for (int size = 1; size <= std::max(1, num_ranks - 1); size *= 2) {
    if (size != reference) {
      sizes.push_back(size);
    }
  }
  return sizes;
}

std::vector<Timing> timings_of(const std::vector<GroupReport>& groups, int num_ranks,
                               int num_cores) {
  std::vector<Timing> timings;
  for (const GroupReport& group : groups) {
    if (!group.repetition || group.repetition->seconds.empty()) {
      continue;
    }
    std::vector<double> seconds = group.repetition->seconds;
    std::sort(seconds.begin(), seconds.end());
    Timing timing{.num_ranks = group.num_ranks, .num_runs = static_cast<long>(seconds.size())};
    timing.median = quantile(seconds, 0.5);
    timing.low = quantile(seconds, 0.25);
    timing.high = quantile(seconds, 0.75);
    timing.most = seconds.back();
    timing.runs_per_hour =
        num_groups(num_ranks, group.num_ranks) * seconds_per_hour / timing.median;
    timing.is_oversubscribed = group.num_ranks > num_cores;
    timings.push_back(timing);
  }
  std::sort(timings.begin(), timings.end(),
            [](const Timing& a, const Timing& b) { return a.num_ranks < b.num_ranks; });
  for (Timing& timing : timings) {
    timing.efficiency =
        timings.front().num_ranks * timings.front().median / (timing.num_ranks * timing.median);
  }
  return timings;
}

Recommendation recommend(const std::vector<Timing>& timings, int num_ranks, int ranks_per_model) {
  Recommendation advice{.num_ranks = num_ranks};
  double best = 0.0;
  const Timing* of_study = nullptr;
  for (const Timing& timing : timings) {
    if (!timing.is_oversubscribed) {
      best = std::max(best, timing.runs_per_hour);
      of_study = timing.num_ranks == ranks_per_model ? &timing : of_study;
    }
  }
  for (const Timing& timing : timings) {
    if (timing.is_oversubscribed || timing.runs_per_hour <= 0 ||
        timing.runs_per_hour < close_to_best * best) {
      continue;
    }
    advice.ranks_per_model = timing.num_ranks;
    if (of_study != nullptr && of_study->runs_per_hour > 0) {
      advice.gain = timing.runs_per_hour / of_study->runs_per_hour;
      advice.is_clear = timing.runs_per_hour * timing.median / timing.high >
                        of_study->runs_per_hour * of_study->median / of_study->low;
    }
    break;
  }
  return advice;
}

}  // namespace invar::doctor
