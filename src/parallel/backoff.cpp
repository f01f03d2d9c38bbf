#include "parallel/backoff.hpp"

#include <algorithm>
#include <thread>

namespace invar::parallel {
namespace {

using std::chrono::microseconds;

// About what waking up from a sleep costs: a shorter wait is better spent looking.
constexpr microseconds look_for{50};
constexpr microseconds longest_nap{500};
constexpr int share = 16;

}  // namespace

void Backoff::pause() {
  const Clock::time_point now = Clock::now();
  if (!has_started_) {
    since_ = now;
    has_started_ = true;
  }
  const Clock::duration waited = now - since_;
  if (waited < look_for) {
    return;
  }
  std::this_thread::sleep_for(
      std::clamp<Clock::duration>(waited / share, shortest_nap_, longest_nap));
}

}  // namespace invar::parallel
