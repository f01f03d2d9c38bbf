#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/core/status.hpp"

namespace invar::method {

using core::Status;
using core::status_name;

/// The outcome of one run of the model, with what is kept beside it.
struct Evaluation {
  Status status = Status::ok;
  Eigen::VectorXd qois;  // m; empty unless ok or non_finite
  std::string message;   // of a failure

  // Who computed it, and when: kept, but never an input of a method.
  double wall_seconds = 0.0;
  std::int32_t group = 0;
  std::int32_t attempts = 1;
  std::string host;
};

/// Points whose QoIs a method asks for in one round.
struct Batch {
  std::int64_t round = 0;     // from 0
  std::int64_t first_id = 0;  // sample i has the id first_id + i in the campaign
  Eigen::MatrixXd points;     // d x N, physical coordinates, a column per sample
};

/// The outcomes of a batch in index order; as many as the batch has points.
struct BatchResult {
  std::vector<Evaluation> evaluations;

  [[nodiscard]] std::int64_t num_failed() const;
};

}  // namespace invar::method
