#include "store/speculative_runs.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace invar::store {

void SpeculativeRuns::add(SpeculativeRun run) {
  if (run.number >= next_number_) {
    next_number_ = run.number + 1;
    runs_.push_back(std::move(run));
  }
}

const SpeculativeRun* SpeculativeRuns::find(const method::Question& question) const {
  const auto found = std::find_if(
      runs_.begin(), runs_.end(),
      [&question](const SpeculativeRun& run) { return is_same(run.question, question); });
  return found == runs_.end() ? nullptr : &*found;
}

void SpeculativeRuns::take(std::int64_t number) {
  std::erase_if(runs_, [number](const SpeculativeRun& run) { return run.number == number; });
}

std::vector<SpeculativeRun> SpeculativeRuns::take_older_than(std::int64_t round) {
  const auto end = std::find_if(runs_.begin(), runs_.end(),
                                [round](const SpeculativeRun& run) { return run.round >= round; });
  std::vector<SpeculativeRun> old(std::make_move_iterator(runs_.begin()),
                                  std::make_move_iterator(end));
  runs_.erase(runs_.begin(), end);
  return old;
}

}  // namespace invar::store
