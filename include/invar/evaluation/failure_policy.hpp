#pragma once

#include <string>

#include "invar/evaluation/options.hpp"
#include "invar/method/evaluation.hpp"

namespace invar::evaluation {

/// What the failures of a batch mean for the campaign.
struct FailureVerdict {
  bool must_end = false;
  /// How many failed, by status, the first of them, and why the campaign ends if it does; "" when
  /// nothing failed.
  std::string message;
};

/// Decides whether a campaign can go on after a batch.
///
/// It ends when more than `failure_budget` of the batch failed, or when anything failed and
/// `on_failure` is stop.
///
/// MPI: Local.
FailureVerdict judge_failures(const EvaluationOptions& options, const method::BatchResult& result);

}  // namespace invar::evaluation
