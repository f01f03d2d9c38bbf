#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/campaign/study.hpp"

namespace invar::campaign {

/// What the recorded runs say about a study, without any new run.
struct Rescoring {
  Eigen::VectorXd mean;              // d, physical
  Eigen::VectorXd std;               // d
  Eigen::MatrixXd covariance;        // d x d
  double log_evidence = 0.0;         // in nats, all constants in
  double effective_sample_size = 0;  // (sum w)^2 / sum w^2
  double largest_weight = 0.0;       // a share
  std::int64_t num_used = 0;         // runs with a weight
  std::int64_t num_reused = 0;       // of them, of earlier campaigns
  std::int64_t num_recorded = 0;
  std::int64_t num_rounds = 0;  // that the runs are of
  bool is_usable = false;
  std::string verdict;             // one sentence for people
  std::vector<std::string> notes;  // records that could not be read
};

/// Weighs all recorded runs of a campaign for another prior, other data or other noise.
///
/// Every run counts with w = likelihood x prior x |dT/dx| / sum_r (n_r / n) q_r(x), where q_r is
/// the Gaussian that round r was drawn from and n_r the runs drawn from it (balance heuristic);
/// mean and covariance are those of the weighted runs. Runs that failed and (in clip mode) runs on
/// a bound count as drawn and have no weight: the answer is for the region where runs succeed. Runs
/// of a round that was not told are left out. Runs of earlier campaigns that the campaign reuses
/// count like its own.
///
/// What no run came near is not seen: a large effective sample size is necessary, not sufficient.
///
/// Source: Veach and Guibas 1995, Optimally combining sampling techniques for Monte Carlo
///         rendering, doi:10.1145/218380.218498; Owen 2013, Monte Carlo theory, methods and
///         examples, section 9.11.
/// MPI:    Manager only; without the campaign's lock.
/// Cost:   O(runs x rounds x d), d^2 with correlation.
///
/// @param campaign  the study that the runs were made for
/// @param study     the one to answer for; its model and parameters are those of `campaign`
/// @throws Error(no_input, data)  when the directory is not a campaign or has no run to weigh
/// @throws Error(config)          when the study has another number of observations
Rescoring rescore(const std::filesystem::path& directory, const Study& campaign,
                  const Study& study);

}  // namespace invar::campaign
