#include "campaign/failure_report.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::campaign {
namespace {

constexpr std::int64_t num_parts = 10;
constexpr std::size_t num_hosts_shown = 10;

double share(const FailureCount& count) {
  return count.num_runs == 0
             ? 0.0
             : static_cast<double>(count.num_failed) / static_cast<double>(count.num_runs);
}

double log_choose(std::int64_t n, std::int64_t k) {
  const auto log_factorial = [](std::int64_t i) {
    return std::lgamma(static_cast<double>(i) + 1.0);
  };
  return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

/// The probability that `drawn.num_runs` runs, picked blindly from all, have so many failures.
double chance_of(const FailureCount& drawn, const FailureCount& all) {
  const std::int64_t last = std::min(drawn.num_runs, all.num_failed);
  double sum = 0.0;
  for (std::int64_t k = drawn.num_failed; k <= last; ++k) {
    if (drawn.num_runs - k > all.num_runs - all.num_failed) {
      continue;  // there are not so many good runs
    }
    const double term = std::exp(log_choose(all.num_failed, k) +
                                 log_choose(all.num_runs - all.num_failed, drawn.num_runs - k) -
                                 log_choose(all.num_runs, drawn.num_runs));
    sum += term;
    if (term < 1e-17 * sum) {
      break;
    }
  }
  return std::min(sum, 1.0);
}

/// n log(observed share / share of all), a term of the likelihood ratio.
double log_ratio(std::int64_t observed, double expected) {
  const auto value = static_cast<double>(observed);
  return observed == 0 ? 0.0 : value * std::log(value / expected);
}

/// The log-likelihood ratio of two failure rates, inside and outside, against a common one.
double likelihood_ratio(const FailureCount& inside, const FailureCount& all) {
  const auto half = [&](const FailureCount& part) {
    const double expected = static_cast<double>(part.num_runs) * share(all);
    return log_ratio(part.num_failed, expected) +
           log_ratio(part.num_runs - part.num_failed,
                     static_cast<double>(part.num_runs) - expected);
  };
  return half(inside) + half({.num_failed = all.num_failed - inside.num_failed,
                              .num_runs = all.num_runs - inside.num_runs});
}

/// The number of fewest digits in [low, high).
double round_number_between(double low, double high) {
  const double middle = low + (high - low) / 2.0;
  for (int digits = 1; digits < 17; ++digits) {
    const double rounded = std::stod(fmt::format("{:.{}e}", middle, digits - 1));
    if (low <= rounded && rounded < high) {
      return rounded;
    }
  }
  return low;
}

/// Runs of equal value, in ascending order.
struct Step {
  double value = 0.0;
  FailureCount count;
};

std::vector<Step> steps_of(const RunOutcomes& runs, Eigen::Index parameter) {
  std::vector<Eigen::Index> order(runs.statuses.size());
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  const auto values = runs.points.row(parameter);
  std::sort(order.begin(), order.end(),
            [&](Eigen::Index a, Eigen::Index b) { return values[a] < values[b]; });
  std::vector<Step> steps;
  for (const Eigen::Index i : order) {
    if (steps.empty() || steps.back().value != values[i]) {
      steps.push_back({.value = values[i], .count = {}});
    }
    ++steps.back().count.num_runs;
    steps.back().count.num_failed +=
        runs.statuses[static_cast<std::size_t>(i)] != Status::ok ? 1 : 0;
  }
  return steps;
}

/// Sets AUC and z. @return the two-sided p-value
double test_trend(const std::vector<Step>& steps, const FailureCount& all,
                  SeparatingParameter& parameter) {
  const auto n = static_cast<double>(all.num_runs);
  const auto failed = static_cast<double>(all.num_failed);
  const double pairs = failed * (n - failed);
  double num_good = 0.0;  // below
  double wins = 0.0;      // pairs in which the failed run has the larger value
  double ties = 0.0;
  for (const Step& step : steps) {
    const auto t = static_cast<double>(step.count.num_runs);
    const auto failed_here = static_cast<double>(step.count.num_failed);
    wins += failed_here * (num_good + 0.5 * (t - failed_here));
    num_good += t - failed_here;
    ties += t * (t - 1.0) * (t + 1.0);
  }
  const double variance = pairs / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
  parameter.auc = wins / pairs;
  parameter.z = variance > 0.0 ? (wins - 0.5 * pairs) / std::sqrt(variance) : 0.0;
  return std::erfc(std::abs(parameter.z) / std::sqrt(2.0));
}

/// Sets the threshold of largest likelihood ratio. @return its p-value, 1 when there is none
double find_threshold(const std::vector<Step>& steps, const FailureCount& all,
                      SeparatingParameter& parameter) {
  double best = 0.0;
  FailureCount below;
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    below.num_failed += steps[i].count.num_failed;
    below.num_runs += steps[i].count.num_runs;
    const FailureCount above{.num_failed = all.num_failed - below.num_failed,
                             .num_runs = all.num_runs - below.num_runs};
    const double ratio = likelihood_ratio(below, all);
    if (ratio > best) {
      best = ratio;
      const bool is_above = share(above) > share(below);
      parameter.threshold = {.value = round_number_between(steps[i].value, steps[i + 1].value),
                             .is_above = is_above,
                             .inside = is_above ? above : below,
                             .outside = is_above ? below : above};
    }
  }
  return best > 0.0 ? std::min(1.0, 2.0 * static_cast<double>(all.num_failed) *
                                        chance_of(parameter.threshold.inside, all))
                    : 1.0;
}

std::vector<SeparatingParameter> find_parameters(const RunOutcomes& runs, const FailureCount& all) {
  std::vector<SeparatingParameter> found;
  if (all.num_failed == 0 || all.num_failed == all.num_runs) {
    return found;
  }
  const Eigen::Index dimension = runs.points.rows();
  for (Eigen::Index j = 0; j < dimension; ++j) {
    const std::vector<Step> steps = steps_of(runs, j);
    SeparatingParameter parameter;
    parameter.index = j;
    parameter.name = runs.names[static_cast<std::size_t>(j)];
    const double trend = test_trend(steps, all, parameter);
    const double threshold = find_threshold(steps, all, parameter);
    parameter.p_value =
        std::min(1.0, 2.0 * static_cast<double>(dimension) * std::min(trend, threshold));
    if (parameter.p_value <= failure_report_level) {
      found.push_back(std::move(parameter));
    }
  }
  std::stable_sort(
      found.begin(), found.end(), [](const SeparatingParameter& a, const SeparatingParameter& b) {
        // p-values of strong parameters are all 0
        return a.p_value != b.p_value ? a.p_value < b.p_value : std::abs(a.z) > std::abs(b.z);
      });
  return found;
}

std::vector<std::pair<Status, std::int64_t>> count_statuses(const RunOutcomes& runs) {
  std::map<Status, std::int64_t> counts;
  for (const Status status : runs.statuses) {
    if (status != Status::ok) {
      ++counts[status];
    }
  }
  std::vector<std::pair<Status, std::int64_t>> result(counts.begin(), counts.end());
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return result;
}

std::vector<HostFailures> count_hosts(const RunOutcomes& runs, const FailureCount& all) {
  std::map<std::string, FailureCount> counts;
  for (std::size_t i = 0; i < runs.hosts.size(); ++i) {
    ++counts[runs.hosts[i]].num_runs;
    counts[runs.hosts[i]].num_failed += runs.statuses[i] != Status::ok ? 1 : 0;
  }
  std::vector<HostFailures> result;
  for (const auto& [host, count] : counts) {
    const double p_value = static_cast<double>(counts.size()) * chance_of(count, all);
    result.push_back({.host = host,
                      .count = count,
                      .is_beyond_chance = counts.size() > 1 && p_value <= failure_report_level});
  }
  std::stable_sort(result.begin(), result.end(), [](const HostFailures& a, const HostFailures& b) {
    return share(a.count) > share(b.count);
  });
  return result;
}

std::vector<RoundFailures> count_rounds(const RunOutcomes& runs) {
  std::vector<RoundFailures> result;
  if (runs.rounds.empty()) {
    return result;
  }
  const std::int64_t first = runs.rounds.front();
  const std::int64_t num_rounds = runs.rounds.back() - first + 1;
  const std::int64_t length = (num_rounds + num_parts - 1) / num_parts;
  for (std::size_t i = 0; i < runs.rounds.size(); ++i) {
    const std::int64_t begin = first + (runs.rounds[i] - first) / length * length;
    if (result.empty() || result.back().first_round != begin) {
      result.push_back({.first_round = begin,
                        .last_round = std::min(begin + length - 1, runs.rounds.back()),
                        .count = {}});
    }
    ++result.back().count.num_runs;
    result.back().count.num_failed += runs.statuses[i] != Status::ok ? 1 : 0;
  }
  return result;
}

std::string text_of(const FailureCount& count) {
  return fmt::format("{} of {}", count.num_failed, count.num_runs);
}

/// A line of the report; the heading stands before the first of a kind.
void add_line(std::string& text, std::string& heading, const std::string& line) {
  text += fmt::format("{:<14}{}\n", heading, line);
  heading.clear();
}

}  // namespace

FailureReport report_failures(const RunOutcomes& runs) {
  const std::size_t n = runs.statuses.size();
  INVAR_EXPECTS(runs.hosts.size() == n && runs.rounds.size() == n &&
                runs.points.cols() == static_cast<Eigen::Index>(n) &&
                (n == 0 || runs.points.rows() == static_cast<Eigen::Index>(runs.names.size())) &&
                std::is_sorted(runs.rounds.begin(), runs.rounds.end()));
  FailureReport report;
  report.all.num_runs = static_cast<std::int64_t>(n);
  report.all.num_failed =
      report.all.num_runs - std::count(runs.statuses.begin(), runs.statuses.end(), Status::ok);
  report.statuses = count_statuses(runs);
  report.hosts = count_hosts(runs, report.all);
  report.rounds = count_rounds(runs);
  report.parameters = find_parameters(runs, report.all);
  return report;
}

std::string to_text(const FailureReport& report) {
  std::string text;
  std::string heading = "failed";
  add_line(text, heading,
           fmt::format("{} runs ({:.3g} %)", text_of(report.all), 100.0 * share(report.all)));
  if (report.all.num_failed == 0) {
    return text;
  }

  heading = "how";
  for (const auto& [status, count] : report.statuses) {
    add_line(text, heading, fmt::format("{:<12}  {}", core::status_name(status), count));
  }

  heading = "on which host";
  FailureCount rest;
  std::int64_t num_others = 0;
  for (std::size_t i = 0; i < report.hosts.size(); ++i) {
    const HostFailures& host = report.hosts[i];
    if (i < num_hosts_shown) {
      add_line(
          text, heading,
          fmt::format("{:<12}  {}{}", host.host.empty() ? "unknown" : host.host,
                      text_of(host.count), host.is_beyond_chance ? ", more than by chance" : ""));
    } else {
      ++num_others;
      rest.num_failed += host.count.num_failed;
      rest.num_runs += host.count.num_runs;
    }
  }
  if (num_others > 0) {
    add_line(text, heading, fmt::format("{} others, {}", num_others, text_of(rest)));
  }

  heading = "when";
  for (const RoundFailures& part : report.rounds) {
    const std::string rounds =
        part.first_round == part.last_round
            ? fmt::format("round {}", part.first_round)
            : fmt::format("rounds {} to {}", part.first_round, part.last_round);
    add_line(text, heading, fmt::format("{:<18}  {}", rounds, text_of(part.count)));
  }

  heading = "where";
  if (report.all.num_failed == report.all.num_runs) {
    add_line(text, heading, "everywhere: there is no good run to compare with");
  } else if (report.parameters.empty()) {
    add_line(text, heading, "no parameter separates failed from good runs");
  }
  for (const SeparatingParameter& parameter : report.parameters) {
    const Threshold& threshold = parameter.threshold;
    add_line(
        text, heading,
        fmt::format("{} {} {}: {} failed; else {} (AUC {:.3f}, z {:+.1f})", parameter.name,
                    threshold.is_above ? ">" : "<=", threshold.value, text_of(threshold.inside),
                    text_of(threshold.outside), parameter.auc, parameter.z));
  }
  if (!report.parameters.empty()) {
    add_line(text, heading,
             fmt::format("(named where chance does as much in less than {} % of campaigns, all "
                         "parameters together)",
                         100.0 * failure_report_level));
  }
  return text;
}

}  // namespace invar::campaign
