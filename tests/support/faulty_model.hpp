#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "invar/core/random.hpp"
#include "invar/model/model.hpp"

namespace invar::test {

/// What a faulty run does.
enum class Fault {
  exit,        // exit(3)
  signal,      // raises `signal`
  abort,       // abort()
  hang,        // never comes back
  garbage,     // writes noise to whoever waits for its answer
  wrong_size,  // gives one QoI too many
  nan,         // gives NaN for the first QoI
  throws,      // throws std::runtime_error
  fails,       // says that it failed
  memory,      // asks for memory, of which it may have little, until there is no more
  slow,        // takes `seconds`, and is right
  build,       // crashes while the model is made
  rebuild,     // aborts, and while the model is made once the file `marker` is there; makes it
  children,    // leaves a child and a daemon that sleep, and exits with 3
  mixed,       // one of the first ten, the same for an id whenever it is asked
};

inline constexpr int num_mixed_faults = 10;

/// The rule: the evaluation with this id is faulty when its hash, as a share of 2^64, is below the
/// rate. It knows nothing of the parameters, so the sound runs of a batch are a random part of it.
inline bool is_faulty(std::int64_t id, double rate) {
  constexpr double two_to_the_64 = 18446744073709551616.0;
  return static_cast<double>(core::mix_bits(static_cast<std::uint64_t>(id) + 1156)) /
             two_to_the_64 <
         rate;
}

/// What `Fault::mixed` does for this id.
inline Fault mixed_fault(std::int64_t id) {
  return static_cast<Fault>(core::mix_bits(static_cast<std::uint64_t>(id) + 0x9e3779b9) %
                            num_mixed_faults);
}

/// The keys of `model: {type: faulty}`.
struct FaultyOptions {
  Fault fault = Fault::fails;
  double rate = 0.0;
  int signal = 11;
  double seconds = 1.0;
  std::string marker;
};

/// The toy model without its own faults, but for the evaluations that `is_faulty` names.
model::ModelType faulty_model();

}  // namespace invar::test
