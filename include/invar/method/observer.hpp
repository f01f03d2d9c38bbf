#pragma once

#include "invar/method/evaluation.hpp"
#include "invar/method/method.hpp"

namespace invar::method {

/// A finished round, as it is shown to observers.
struct RoundReport {
  const Batch& batch;
  const BatchResult& result;
  const RoundDiagnostics& diagnostics;
  std::int64_t num_recorded;  // evaluations that were answered from the campaign's records
};

/// Watches a campaign: progress, log, status file. Does nothing unless overridden.
///
/// MPI: Manager only. An observer never changes what is computed.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  Observer(Observer&&) = delete;
  Observer& operator=(Observer&&) = delete;
  virtual ~Observer() = default;

  /// A batch is about to be evaluated; `num_recorded` of its samples are known already.
  virtual void on_batch(const Batch& /*batch*/, std::int64_t /*num_recorded*/) {}

  /// An evaluation has arrived and is recorded.
  virtual void on_evaluation(const Batch& /*batch*/, Eigen::Index /*sample*/,
                             const Evaluation& /*evaluation*/) {}

  /// The method was told a round, and the round is committed.
  virtual void on_round(const RoundReport& /*report*/) {}
};

}  // namespace invar::method
