#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/core/status.hpp"

namespace invar::method {

using core::Status;
using core::status_name;

/// Derivatives that are asked for beside the QoIs, with respect to physical parameters.
///
/// Shapes: d parameters, m QoIs.
struct WantedDerivatives {
  bool jacobian = false;
  Eigen::MatrixXd directions = {};  // d x k: J v is wanted for every column v
  Eigen::MatrixXd weights = {};     // m x k: w^T J is wanted for every column w

  [[nodiscard]] bool is_empty() const {
    return !jacobian && directions.cols() == 0 && weights.cols() == 0;
  }
};

/// What is asked of one run of the model: the QoIs at a point, and derivatives there.
///
/// Two that are the same to the bit have the same answer.
///
/// Shapes: point d, physical coordinates.
/// MPI:    Local.
struct Question {
  Eigen::VectorXd point;
  WantedDerivatives wanted = {};
};

/// Whether two sets of numbers are the same to the bit, and of the same shape.
///
/// MPI: Local.
bool have_same_bits(const Eigen::Ref<const Eigen::MatrixXd>& a,
                    const Eigen::Ref<const Eigen::MatrixXd>& b);
bool is_same(const WantedDerivatives& a, const WantedDerivatives& b);
bool is_same(const Question& a, const Question& b);

/// Derivatives that a run gave: those that were wanted.
struct Derivatives {
  Eigen::MatrixXd jacobian = {};          // m x d
  Eigen::MatrixXd jacobian_vectors = {};  // m x k: column i is J v_i
  Eigen::MatrixXd vector_jacobians = {};  // d x k: column i is J^T w_i

  [[nodiscard]] bool is_empty() const {
    return jacobian.size() == 0 && jacobian_vectors.size() == 0 && vector_jacobians.size() == 0;
  }
};

/// The outcome of one run of the model, with what is kept beside it.
struct Evaluation {
  Status status = Status::ok;
  Eigen::VectorXd qois;     // m; empty unless ok or non_finite
  Derivatives derivatives;  // empty unless ok
  std::string message;      // of a failure

  // Who computed it, and when: kept, but never an input of a method.
  double wall_seconds = 0.0;
  std::int32_t group = 0;
  std::int32_t attempts = 1;
  std::string host;
  bool ran_ahead = false;  // it began before it was asked for
};

/// Points whose QoIs a method asks for in one round, and derivatives where the model can.
struct Batch {
  std::int64_t round = 0;                      // from 0
  std::int64_t first_id = 0;                   // sample i has the id first_id + i in the campaign
  Eigen::MatrixXd points;                      // d x N, physical coordinates, a column per sample
  std::vector<WantedDerivatives> wanted = {};  // N, or empty: none for any

  /// What is wanted of a sample beside its QoIs.
  [[nodiscard]] const WantedDerivatives& wanted_of(Eigen::Index sample) const {
    static const WantedDerivatives none;
    return wanted.empty() ? none : wanted[static_cast<std::size_t>(sample)];
  }

  [[nodiscard]] Question question(Eigen::Index sample) const {
    return {.point = points.col(sample), .wanted = wanted_of(sample)};
  }
};

/// The outcomes of a batch in index order; as many as the batch has points.
struct BatchResult {
  std::vector<Evaluation> evaluations;

  [[nodiscard]] std::int64_t num_failed() const;
};

}  // namespace invar::method
