#include "doctor/difference.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::doctor {
namespace {

bool has_same_bits(const Eigen::VectorXd& a, const Eigen::VectorXd& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), sizeof(double) * static_cast<std::size_t>(a.size())) == 0;
}

/// The largest finite magnitude of every QoI over the runs.
Eigen::VectorXd magnitudes(const std::vector<Outcome>& runs) {
  Eigen::VectorXd largest;
  for (const Outcome& run : runs) {
    if (largest.size() == 0) {
      largest = Eigen::VectorXd::Zero(run.qois.size());
    }
    if (run.is_ok() && run.qois.size() == largest.size()) {
      largest = largest.cwiseMax(run.qois.cwiseAbs());
    }
  }
  return largest;
}

void compare_qois(const Outcome& before, const Outcome& now, const Eigen::VectorXd& scales,
                  const Eigen::VectorXd& noise_std, long point, Difference& difference) {
  for (Eigen::Index i = 0; i < now.qois.size(); ++i) {
    const double distance = std::abs(now.qois[i] - before.qois[i]);
    if (!(distance > 0)) {
      continue;
    }
    const double scale = i < scales.size() && scales[i] > 0 ? scales[i] : distance;
    if (distance / scale > difference.largest_relative) {
      difference.largest_relative = distance / scale;
      difference.point = point;
      difference.qoi = static_cast<long>(i);
    }
    if (i < noise_std.size()) {
      difference.largest_in_noise = std::max(difference.largest_in_noise, distance / noise_std[i]);
    }
  }
}

std::string in_words(const Outcome& outcome) {
  return outcome.message.empty()
             ? std::string(core::status_name(outcome.status))
             : fmt::format("{} ({})", core::status_name(outcome.status), outcome.message);
}

}  // namespace

Difference compare(const std::vector<Outcome>& before, const std::vector<Outcome>& now,
                   const Eigen::VectorXd& noise_std) {
  INVAR_EXPECTS(before.size() == now.size());
  const Eigen::VectorXd scales = magnitudes(before);
  Difference difference;
  difference.num_points = static_cast<long>(now.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    const auto point = static_cast<long>(i);
    if (now[i].status != before[i].status || now[i].qois.size() != before[i].qois.size()) {
      ++difference.num_different;
      if (difference.change_of_outcome.empty()) {
        difference.point = point;
        difference.change_of_outcome =
            fmt::format("first {}, then {}", in_words(before[i]), in_words(now[i]));
      }
    } else if (!has_same_bits(before[i].qois, now[i].qois)) {
      ++difference.num_different;
      compare_qois(before[i], now[i], scales, noise_std, point, difference);
    }
  }
  return difference;
}

}  // namespace invar::doctor
