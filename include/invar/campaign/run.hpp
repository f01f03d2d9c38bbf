#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "invar/evaluation/options.hpp"
#include "invar/method/evaluator.hpp"
#include "invar/method/method.hpp"
#include "invar/method/observer.hpp"

namespace invar::store {
class CampaignStore;
}

namespace invar::campaign {

/// The parts that the loop drives; all outlive it.
struct Parts {
  method::Method& method;
  method::Evaluator& evaluator;
  store::CampaignStore& store;
  const evaluation::EvaluationOptions& evaluation;
  std::vector<method::Observer*> observers;
  /// Why to stop now, or "": asked before every round and after a batch that was left unfinished;
  /// the campaign can be resumed afterwards.
  std::function<std::string()> reason_to_stop = [] { return std::string(); };
};

/// How the loop ended.
struct LoopResult {
  method::StopReason stop_reason = method::StopReason::none;
  std::string message;  // for people; empty when the method ended by itself
};

/// The main loop: ask, evaluate, tell, commit, until the method has nothing more to ask.
///
/// MPI:     Manager only.
/// @throws Error(io, data)  when the store cannot write, or what is replayed differs from the
/// record
/// @throws Error(config)    when the study's limits stop the method before the end of the record
/// Failure: too many failed runs, lost groups and a wanted stop end the loop with their
/// reason;
///          everything evaluated is recorded and the campaign can be resumed.
LoopResult run(const Parts& parts);

}  // namespace invar::campaign
