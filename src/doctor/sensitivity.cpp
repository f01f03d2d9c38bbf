#include "doctor/sensitivity.hpp"

#include <algorithm>
#include <cmath>

namespace invar::doctor {
namespace {

constexpr double rounding = 1e-14;

bool differs(double a, double b) {
  return std::abs(a - b) > rounding * std::max(std::abs(a), std::abs(b));
}

/// Which QoIs are not what they were.
class Reactions {
 public:
  explicit Reactions(long num_qois) : has_reacted_(static_cast<std::size_t>(num_qois), false) {}

  /// Whether any QoI differs between two runs; takes note of which.
  bool note(const Eigen::VectorXd& before, const Eigen::VectorXd& now) {
    bool has_any = false;
    for (Eigen::Index i = 0; i < std::min(before.size(), now.size()); ++i) {
      if (differs(before[i], now[i])) {
        has_reacted_[static_cast<std::size_t>(i)] = true;
        has_any = true;
      }
    }
    return has_any;
  }

  [[nodiscard]] std::vector<long> dead() const {
    std::vector<long> indices;
    for (std::size_t i = 0; i < has_reacted_.size(); ++i) {
      if (!has_reacted_[i]) {
        indices.push_back(static_cast<long>(i));
      }
    }
    return indices;
  }

 private:
  std::vector<bool> has_reacted_;
};

/// A parameter's value a standard deviation away, or as far as its bounds allow.
double moved(const space::Space& space, Eigen::Index j, double from, double sign) {
  const double room = sign > 0 ? space.bounds.max()[j] - from : from - space.bounds.min()[j];
  return from + sign * std::min(space.prior.std()[j], 0.9 * room);
}

}  // namespace

Sensitivity check_sensitivity(Subject& subject, const space::Space& space,
                              const Eigen::MatrixXd& points) {
  subject.prepare();
  Sensitivity found;
  Reactions reactions(subject.sizes().num_qois);
  const auto run = [&](const Eigen::VectorXd& at) {
    Outcome outcome = subject.run(at).outcome;
    found.num_failed += outcome.is_ok() ? 0 : 1;
    return outcome;
  };

  std::vector<Outcome> base;
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    base.push_back(run(points.col(i)));
    if (i > 0 && base.front().is_ok() && base.back().is_ok()) {
      reactions.note(base.front().qois, base.back().qois);
    }
  }

  found.num_parameters_examined = static_cast<long>(std::min(points.rows(), most_parameters_moved));
  for (Eigen::Index j = 0; j < found.num_parameters_examined; ++j) {
    bool has_reacted = false;
    long num_compared = 0;
    for (const std::size_t from : {std::size_t{0}, base.size() - 1}) {
      for (const double sign : {1.0, -1.0}) {
        if (has_reacted || !base[from].is_ok()) {
          continue;
        }
        Eigen::VectorXd at = points.col(static_cast<Eigen::Index>(from));
        at[j] = moved(space, j, at[j], sign);
        const Outcome outcome = run(at);
        if (outcome.is_ok()) {
          ++num_compared;
          has_reacted = reactions.note(base[from].qois, outcome.qois);
        }
      }
    }
    if (!has_reacted && num_compared > 0) {
      found.dead_parameters.push_back(static_cast<long>(j));
    }
  }
  const auto num_ok = std::count_if(base.begin(), base.end(),
                                    [](const Outcome& outcome) { return outcome.is_ok(); });
  if (num_ok >= 2 || found.num_failed == 0) {
    found.dead_qois = reactions.dead();
  }
  return found;
}

}  // namespace invar::doctor
