#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "invar/method/evaluation.hpp"
#include "invar/method/state.hpp"

namespace invar::method {

/// Why a method has nothing more to ask.
enum class StopReason {
  none,
  gradient_norm_tolerance,
  elbo_relative_tolerance,
  accuracy,
  max_iterations,
  max_evaluations,
  line_search_failed,
  too_many_failures,
  non_finite,
  groups_lost,
  stopped_early,
};

/// "none", "gradient_norm_tolerance", ...
const char* stop_reason_name(StopReason reason) noexcept;

/// What a round did: a row of /rounds. The columns are the same for all rounds of a method.
struct RoundDiagnostics {
  std::vector<std::pair<std::string, double>> scalars;  // iteration, accepted, elbo, ...
  Eigen::VectorXd mean;                                 // d, of the state after the round, physical
  Eigen::VectorXd std;                                  // d, physical
  // The Gaussian that the batch was drawn from, in the method's own coordinates and without its
  // correlation; empty where there is none.
  Eigen::VectorXd proposal_mean;
  Eigen::VectorXd proposal_std;
  std::vector<std::string> messages;  // warnings and what dropping did; for people

  /// The scalar called `name`, or NaN.
  [[nodiscard]] double scalar(const std::string& name) const;
};

/// The answer of a method, as far as it has come.
struct Posterior {
  Eigen::VectorXd mean;        // d, physical coordinates
  Eigen::VectorXd std;         // d, physical
  Eigen::MatrixXd covariance;  // d x d, physical; empty where there are too many parameters
  double elbo = 0.0;           // of the last accepted state, as the method defines it
  double elbo_standard_error = 0.0;
  double normalised_elbo = 0.0;  // in nats, all constants in: a lower bound of the log evidence
  Eigen::MatrixXd samples;       // d x N, physical: runs of the model that stand for the posterior,
                                 // failed ones left out
  Eigen::MatrixXd qois;          // m x N
  Eigen::VectorXd weights = {};  // N, sum 1; empty: all count the same
  Eigen::MatrixXd draws = {};    // d x S, physical: from the distribution itself, without runs;
                                 // empty: `samples` are its draws
  State optimizer;         // the family's own parameters in its own coordinates, and the best state
  State diagnostics = {};  // how good the answer is, as named values
  std::vector<std::string> findings = {};  // the same in plain words
};

/// What was told in the rounds of a campaign.
using RecordedRounds = std::map<std::int64_t, BatchResult>;

/// An inference method: a resumable state machine that asks for model runs and is told outcomes.
///
/// A round is one `ask` and its `tell`. The same state always asks the same batch; what is told is
/// the only input. No method knows of ranks, files, clocks or how the model is run.
///
/// MPI: Manager only.
class Method {
 public:
  Method() = default;
  Method(const Method&) = delete;
  Method& operator=(const Method&) = delete;
  Method(Method&&) = delete;
  Method& operator=(Method&&) = delete;
  virtual ~Method() = default;

  /// The next batch. Calling it twice gives the same batch.
  /// @pre stop_reason() == none
  virtual Batch ask() = 0;

  /// Tells that the first batch is on record with so many points: a limit that has changed since
  /// may have cut it. It is asked with as many, and what was cut off later; where the limit does
  /// not allow for them now, the method stops. Changes nothing once a batch was told.
  ///
  /// @pre size >= 1
  virtual void resume_first_batch(Eigen::Index /*size*/) {}

  /// Points that may be asked soon, most likely first, for groups of ranks that would be idle: a
  /// batch without a round of its own, empty where nothing is known. The same state always gives
  /// the same, and whether it is called changes nothing else.
  ///
  /// What comes of them counts only when `ask` gives that very point, to the bit, and wants the
  /// same derivatives.
  ///
  /// @pre `ask` was called since the last `tell`
  [[nodiscard]] virtual Batch ahead() const { return {}; }

  /// Takes the outcomes of the batch that was asked last, in index order.
  virtual void tell(const BatchResult& result) = 0;

  /// What the last round did.
  [[nodiscard]] virtual RoundDiagnostics diagnostics() const = 0;

  [[nodiscard]] virtual StopReason stop_reason() const = 0;

  /// The answer so far; none before the first state is known.
  [[nodiscard]] virtual std::optional<Posterior> posterior() const = 0;

  [[nodiscard]] virtual State state() const = 0;

  /// Whether the state alone is not enough to go on: `recall` must come before `restore` and
  /// `rescore`.
  [[nodiscard]] virtual bool needs_record() const { return false; }

  /// Gives the outcomes of all rounds before a state, by round.
  virtual void recall(const RecordedRounds& /*rounds*/) {}

  /// Continues from a state; to the bit.
  /// @pre has_target_of(state)
  /// @throws Error(data)  when the state is not one of this method with this setting
  virtual void restore(const State& state) = 0;

  /// Whether the state was reached with the prior, data and noise of this method.
  [[nodiscard]] virtual bool has_target_of(const State& state) const = 0;

  /// Takes over a state that was reached with another prior, other data or other noise.
  ///
  /// What is known of the model (the current batch and its QoIs) is scored anew, and what was
  /// remembered of the old target is forgotten. This is a round of its own, for `diagnostics`; no
  /// run is needed for it.
  ///
  /// @param num_given_up  evaluations of the round that was under way, which nobody will be told
  /// @throws Error(data)  when the state is not one of this method with this setting
  virtual void rescore(const State& state, std::int64_t num_given_up) = 0;
};

}  // namespace invar::method
