#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/core/status.hpp"

// What the checks found, as plain values that travel between processes and become the report.
namespace invar::doctor {

/// How one run of the model ended.
struct Outcome {
  Status status = Status::ok;
  std::string message;
  Eigen::VectorXd qois;  // m; where the status is ok or non_finite
  double seconds = 0.0;

  [[nodiscard]] bool is_ok() const { return status == Status::ok; }
};

/// How far two series of runs at the same points are from each other.
struct Difference {
  long num_points = 0;            // that were compared
  long num_different = 0;         // of them not the same to the bit
  double largest_relative = 0.0;  // to the largest magnitude of that QoI at any of the points
  double largest_in_noise = 0.0;  // in standard deviations of the measurement noise
  long point = -1;                // of the largest
  long qoi = -1;                  // of the largest
  std::string change_of_outcome;  // the first run that ended otherwise, in words

  [[nodiscard]] bool is_none() const { return num_different == 0; }
};

/// What a model says of itself.
struct Sizes {
  long num_parameters = 0;
  long num_qois = 0;
  bool gives_jacobian = false;
  bool gives_jacobian_vector = false;
  bool gives_vector_jacobian = false;

  [[nodiscard]] bool gives_derivatives() const {
    return gives_jacobian || gives_jacobian_vector || gives_vector_jacobian;
  }
};

/// The same points more than once.
struct Repetition {
  Sizes sizes;
  double build_seconds = 0.0;     // to make the model
  std::vector<Outcome> outcomes;  // the first time, one per point
  std::vector<double> seconds;    // of all runs that succeeded, but for the very first
  Difference again;               // in the same instance, in the reverse order
  bool has_fresh = false;
  Difference fresh;                 // in a new instance
  double resident_megabytes = 0.0;  // of the largest rank, afterwards
};

/// What reacts to what.
struct Sensitivity {
  long num_parameters_examined = 0;
  std::vector<long> dead_parameters;  // to which no QoI reacts
  std::vector<long> dead_qois;        // which react to no parameter
  long num_failed = 0;                // runs
};

/// Errors of derivatives against central differences with one step; NaN where the model does not
/// give them.
struct DerivativeErrors {
  double step = 0.0;  // in prior standard deviations
  double jacobian = 0.0;
  double jacobian_vector = 0.0;
  double vector_jacobian = 0.0;
};

/// Derivatives at one point, along one random direction and for one random weight.
struct DerivativesAt {
  long point = 0;
  std::string problem;  // why there is nothing else here; or ""
  std::vector<DerivativeErrors> errors;
  double roughness = 0.0;         // how far the two differences that agree best are from each other
  double mismatch = 0.0;          // of w^T (J v) and (w^T J) v; NaN where they cannot be compared
  double product_mismatch = 0.0;  // of J v as a product and as the model's; NaN as above
  long worst_parameter = -1;      // the column of J that is farthest off, where J is off
  double worst_parameter_error = 0.0;
};

/// What a process holds; of the rank that holds most.
struct Holdings {
  double resident_megabytes = 0.0;
  double num_descriptors = 0;
  double num_threads = 0;
  double num_children = 0;       // processes, also those whose parent is gone
  double next_communicator = 0;  // the number that a new one gets; Open MPI gives the lowest free
};

/// What grew over many runs.
struct Leaks {
  long num_calls = 0;
  Holdings before;
  Holdings middle;
  Holdings after;
};

/// A run at a point that no sound campaign asks for, and what came of the model.
struct HostileRun {
  std::string name;
  bool is_finite = false;  // the parameters were
  bool has_died = false;   // the process; `outcome.message` says how
  bool has_hung = false;
  Outcome outcome;
  Difference afterwards;  // the prior mean, before and after
};

}  // namespace invar::doctor
