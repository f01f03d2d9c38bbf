#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/store/derivative_tables.hpp"
#include "store/speculative_runs.hpp"
#include "store/stored_round.hpp"

namespace invar::store {

/// Runs of the model as columns of a table, sorted by id.
///
/// Shapes: parameters d x n, qois m x n (m = 0 when none of them gave any), the others n.
struct RunColumns {
  std::vector<std::int64_t> id, round;
  Eigen::MatrixXd parameters, qois;
  std::vector<std::uint8_t> status;
  std::vector<std::string> message, host;
  std::vector<double> wall_seconds, started, finished;
  std::vector<std::int32_t> group;

  [[nodiscard]] std::size_t size() const { return id.size(); }
};

/// Evaluations: runs that were asked for.
struct EvaluationColumns : RunColumns {
  std::vector<std::int64_t> sample;
  std::vector<std::int32_t> attempts;
  std::vector<std::uint8_t> ran_ahead;  // 1: it began before it was asked for
};

/// Told rounds as columns of a table.
///
/// Shapes: mean, std d x r, proposals too (0 x r without any); the others r.
struct RoundColumns {
  std::vector<std::int64_t> round, first_id, num_samples;
  std::map<std::string, std::vector<double>> scalars;  // NaN where a round has none of that name
  Eigen::MatrixXd mean, std, proposal_mean, proposal_std;
  std::vector<std::string> messages;
  std::vector<double> seconds;

  [[nodiscard]] std::size_t size() const { return round.size(); }
};

/// The content of a history file.
struct Segment {
  EvaluationColumns evaluations;
  RoundColumns rounds;
  DerivativeTables derivatives;  // of the evaluations
  RunColumns speculative;        // runs that nobody has asked for; their round was under way then
};

/// The tables of some rounds: recorded samples, and rows of told rounds.
Segment gather(std::span<const StoredRound> rounds);

/// The table of runs that nobody has asked for.
RunColumns gather(std::span<const SpeculativeRun> runs);

/// The rounds of a segment whose rounds are complete and told.
/// @throws Error(data)  when the tables do not fit together
std::vector<StoredRound> split(const Segment& segment);

/// Names of columns of /rounds that are the store's own; no scalar may be called so.
bool is_reserved_round_column(const std::string& name);

}  // namespace invar::store
