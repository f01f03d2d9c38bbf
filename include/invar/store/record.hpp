#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/core/status.hpp"
#include "invar/store/derivative_tables.hpp"

namespace invar::store {

/// The Gaussian that a batch was drawn from, in the coordinates of the method.
///
/// Shapes: d each.
struct Proposal {
  Eigen::VectorXd mean;
  Eigen::VectorXd std;
};

/// Every evaluation that a campaign has recorded, in the order of their ids.
///
/// Shapes: points d x N (d = 0 where nothing is recorded), qois m x N (NaN where a run gave none;
///         m = 0 when none of them did), the others N.
/// Units:  points those of the parameters; times in seconds, `started` and `finished` since 1970.
struct RecordedEvaluations {
  std::vector<std::int64_t> ids, rounds, samples;
  Eigen::MatrixXd points, qois;
  std::vector<Status> statuses;
  std::vector<std::string> messages, hosts;  // messages are those of failures
  std::vector<double> wall_seconds, started, finished;
  std::vector<std::int32_t> groups, attempts;
  std::map<std::int64_t, Proposal> proposals;  // by round; of rounds that were told

  DerivativeTables derivatives;  // that were asked for

  std::vector<std::string> notes;  // what could not be read, and why: a line for people each

  [[nodiscard]] std::size_t size() const { return ids.size(); }
};

/// Reads all evaluations of history and journal without the campaign's lock; it may be running.
///
/// Each evaluation comes once, also while a segment is being closed, when journal and history both
/// have it.
///
/// MPI:  Manager only.
/// Cost: every file of history and journal is read once; memory holds all evaluations twice.
///
/// @throws Error(no_input)  when the directory is not a campaign
/// @throws Error(io)        when its folders cannot be listed
/// Failure: a file that is damaged, or does not fit the others, is left out, and `notes` names it;
///          of a journal what stands before the damage is read
RecordedEvaluations read_evaluations(const std::filesystem::path& directory);

}  // namespace invar::store
