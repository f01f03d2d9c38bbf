#pragma once

#include <cstdint>

namespace invar::core {

/// How an evaluation of the model ended. The numbers are those of the records.
enum class Status : std::uint8_t {
  ok = 0,
  model_failed = 1,  // the model said so
  non_finite = 2,    // a QoI is NaN or infinite
  timeout = 3,
  crashed = 4,     // a signal, an exit code, an exception
  bad_output = 5,  // the wrong number of QoIs, or none that can be read
  transport = 6,   // it could not be reached
  cancelled = 7,   // nobody waited for it
};

/// "ok", "model_failed", ...
const char* status_name(Status status) noexcept;

}  // namespace invar::core

namespace invar {
using core::Status;
}  // namespace invar
