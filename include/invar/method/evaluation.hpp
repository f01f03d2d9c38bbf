#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <Eigen/Core>

namespace invar::method {

/// How an evaluation of the model ended.
enum class Status : std::uint8_t {
  ok = 0,
  model_failed = 1,  // the model said so
  non_finite = 2,    // a QoI is NaN or infinite
  timeout = 3,
  crashed = 4,     // a signal, an exit code, an exception
  bad_output = 5,  // the wrong number of QoIs
  transport = 6,
  cancelled = 7,
};

/// "ok", "model_failed", ...
const char* status_name(Status status) noexcept;

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
