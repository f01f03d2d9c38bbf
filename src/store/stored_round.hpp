#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "invar/method/evaluation.hpp"
#include "invar/method/method.hpp"

namespace invar::store {

/// What a told round did, as it is stored.
struct RoundRow {
  std::vector<std::pair<std::string, double>> scalars;
  Eigen::VectorXd mean;
  Eigen::VectorXd std;
  Eigen::VectorXd proposal_mean;  // empty where the batch was not drawn from a Gaussian
  Eigen::VectorXd proposal_std;
  std::string messages;  // a line each
  double seconds = 0.0;
};

RoundRow make_round_row(const method::RoundDiagnostics& diagnostics, double seconds);

/// The first number in which two rows differ, bit for bit; `seconds` and messages do not count.
std::optional<std::string> first_difference(const RoundRow& stored, const RoundRow& replayed);

/// A round in memory: its points, the answers so far, and what it did once it is told.
///
/// Shapes: points d x N, qois m x N (0 x 0 until the first answer with QoIs; NaN where there are
///         none), all vectors N.
/// Units:  times in seconds, `started` and `finished` since 1970.
class StoredRound {
 public:
  explicit StoredRound(method::Batch batch);

  [[nodiscard]] std::int64_t round() const { return batch_.round; }
  [[nodiscard]] const method::Batch& batch() const { return batch_; }
  [[nodiscard]] Eigen::Index num_samples() const { return batch_.points.cols(); }
  [[nodiscard]] std::int64_t num_recorded() const { return num_recorded_; }
  [[nodiscard]] std::int64_t num_failed() const { return num_failed_; }
  [[nodiscard]] std::int64_t num_ran_ahead() const { return num_ran_ahead_; }
  [[nodiscard]] bool is_complete() const { return num_recorded_ == num_samples(); }
  [[nodiscard]] bool has(Eigen::Index sample) const;

  /// @pre !has(sample); the QoIs, if any, are as many as those of the others
  void set(Eigen::Index sample, const method::Evaluation& evaluation, double finished);
  [[nodiscard]] bool fits(const method::Evaluation& evaluation) const;

  /// Forgets the answer to a sample, so that another can be set.
  /// @pre has(sample)
  void forget(Eigen::Index sample);

  /// @pre has(sample)
  [[nodiscard]] method::Evaluation evaluation(Eigen::Index sample) const;
  /// The answer but for its QoIs, which are a column of `qois`.
  [[nodiscard]] const method::Evaluation& facts(Eigen::Index sample) const {
    return evaluations_[static_cast<std::size_t>(sample)];
  }
  [[nodiscard]] double finished(Eigen::Index sample) const {
    return finished_[static_cast<std::size_t>(sample)];
  }
  [[nodiscard]] const Eigen::MatrixXd& qois() const { return qois_; }

  std::optional<RoundRow> row;  // once it is told

 private:
  method::Batch batch_;
  Eigen::MatrixXd qois_;
  std::vector<method::Evaluation> evaluations_;  // without their QoIs
  std::vector<double> finished_;                 // NaN: no answer yet
  std::int64_t num_recorded_ = 0;
  std::int64_t num_failed_ = 0;
  std::int64_t num_ran_ahead_ = 0;
};

/// A hash of the points of a batch, bit for bit.
std::uint64_t batch_hash(const method::Batch& batch);

/// Whether a round on record is the one of `batch`: the same ids and points, bit for bit, and what
/// was answered has the derivatives that are wanted.
bool is_round_of(const StoredRound& round, const method::Batch& batch);

/// Whether a run was made and came to nothing; one that was given up is none.
bool is_failure(method::Status status);

/// Whether the world decided that a run failed, and not the model: then it may end otherwise when
/// it is repeated.
bool can_be_retried(method::Status status);

/// Whether an evaluation of this status has QoIs to keep.
bool has_qois(method::Status status);

}  // namespace invar::store
