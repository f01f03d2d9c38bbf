#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "invar/core/status.hpp"

namespace invar::campaign {

/// What is known of all runs of a campaign.
///
/// Shapes: points d x N, names d, the others N.
struct RunOutcomes {
  Eigen::MatrixXd points;
  std::vector<std::string> names;
  std::vector<Status> statuses;
  std::vector<std::string> hosts;
  std::vector<std::int64_t> rounds;  // ascending
};

struct FailureCount {
  std::int64_t num_failed = 0;
  std::int64_t num_runs = 0;
};

struct HostFailures {
  std::string host;
  FailureCount count;
  bool is_beyond_chance = false;  // more than if all hosts were alike
};

struct RoundFailures {
  std::int64_t first_round = 0;
  std::int64_t last_round = 0;
  FailureCount count;
};

/// A half of parameter space in which runs fail more often than in the other.
struct Threshold {
  double value = 0.0;
  bool is_above = true;  // inside is x > value, else x <= value
  FailureCount inside;
  FailureCount outside;
};

/// A parameter that tells failed from good runs.
struct SeparatingParameter {
  Eigen::Index index = 0;
  std::string name;
  double auc = 0.5;      // P(a failed run's value > a good run's), ties count half
  double z = 0.0;        // of the Mann-Whitney statistic, corrected for ties
  double p_value = 1.0;  // at most this is the probability of the same by chance, over all d
  Threshold threshold;   // the best there is
};

struct FailureReport {
  FailureCount all;
  std::vector<std::pair<Status, std::int64_t>> statuses;  // of failed runs, the most frequent first
  std::vector<HostFailures> hosts;                        // the largest failed share first
  std::vector<RoundFailures> rounds;                      // the campaign in ten parts or less
  std::vector<SeparatingParameter> parameters;            // beyond chance, the strongest first
};

/// The report says of a parameter, or a host, that it is beyond chance when its p-value, times the
/// number of parameters or hosts, is at most this.
inline constexpr double failure_report_level = 0.01;

/// Looks for what failed runs have in common.
///
/// Each parameter is tested twice, with p-values multiplied by 2 d (Bonferroni), so that one report
/// in a hundred names a parameter where failures have nothing to do with parameters:
/// - Mann-Whitney: U / (n_failed n_good) is the AUC, z its distance from 1/2 in standard deviations
///   under the hypothesis that failed and good runs are alike (normal approximation, ties
///   corrected). It sees trends, and needs some ten failures.
/// - the best threshold: of the failures K among N, k are among the n runs on one side. The
///   hypergeometric probability of k or more, times the 2 K such sides there are to choose from. It
///   sees a few failures that stand together.
///
/// Points move as a method goes on: where failures are bound to a time (see `rounds`), parameters
/// that moved meanwhile may seem to be the cause.
///
/// Source:  H. B. Mann, D. R. Whitney 1947, On a test of whether one of two random variables is
///          stochastically larger than the other, doi:10.1214/aoms/1177730491.
/// MPI:     Local.
/// Cost:    d sorts of N numbers.
///
/// @pre  the sizes are as in RunOutcomes
/// Failure: without a failed or without a good run no parameter is named
FailureReport report_failures(const RunOutcomes& runs);

/// The report for people, lines of text.
std::string to_text(const FailureReport& report);

}  // namespace invar::campaign
