#pragma once

#include <optional>
#include <string>

#include "invar/options/table.hpp"

namespace invar::evaluation {

/// What a campaign does about an evaluation that failed at its last attempt.
enum class OnFailure {
  drop,  // go on without it, as long as the failure budget lasts
  stop,  // end the campaign after the round's batch
};

/// How the model is run: the study's `evaluation` keys.
///
/// Units:   timeout_s in seconds.
struct EvaluationOptions {
  std::optional<int> concurrency = std::nullopt;  // none (auto): every group of ranks
  int ranks_per_model = 1;
  std::optional<double> timeout_s = std::nullopt;
  int retries = 0;
  OnFailure on_failure = OnFailure::drop;
  double failure_budget = 0.25;                        // largest failed share of a batch
  std::optional<std::string> deadline = std::nullopt;  // a moment as `parse_moment` reads it
  bool run_ahead = true;                               // idle groups run what may be asked next
};

/// The keys under `evaluation`.
///
/// MPI: Local.
const options::Table<EvaluationOptions>& evaluation_table();

}  // namespace invar::evaluation
