#pragma once

#include <cstdint>
#include <vector>

#include "invar/method/evaluation.hpp"

namespace invar::store {

/// A run of the model that was made before anybody asked for it.
///
/// Units: `finished` in seconds since 1970.
struct SpeculativeRun {
  std::int64_t number = 0;  // in the order of recording
  std::int64_t round = 0;   // that was under way
  method::Question question;
  method::Evaluation evaluation;
  double finished = 0.0;
};

/// The runs made ahead that may still be asked for: those of the last rounds without those that
/// were. They live in the journal; when they are too old they go to history.
///
/// MPI: Local.
class SpeculativeRuns {
 public:
  /// @param next_number  one after the last that is in history
  explicit SpeculativeRuns(std::int64_t next_number = 0) : next_number_(next_number) {}

  [[nodiscard]] const std::vector<SpeculativeRun>& all() const { return runs_; }

  /// What the next one is called.
  [[nodiscard]] std::int64_t next_number() const { return next_number_; }

  /// One after the last number that is here no more, and never comes back.
  [[nodiscard]] std::int64_t first_number() const {
    return runs_.empty() ? next_number_ : runs_.front().number;
  }

  /// Adds a run; one whose number was given before is known already.
  void add(SpeculativeRun run);

  /// The run of a question, or null.
  [[nodiscard]] const SpeculativeRun* find(const method::Question& question) const;

  /// The run has become an evaluation; nothing when there is none of that number.
  void take(std::int64_t number);

  /// Gives up those that were made before a round.
  std::vector<SpeculativeRun> take_older_than(std::int64_t round);

 private:
  std::vector<SpeculativeRun> runs_;  // by number
  std::int64_t next_number_;
};

}  // namespace invar::store
