#include "invar/method/evaluation.hpp"

#include <algorithm>

namespace invar::method {

const char* status_name(Status status) noexcept {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::model_failed:
      return "model_failed";
    case Status::non_finite:
      return "non_finite";
    case Status::timeout:
      return "timeout";
    case Status::crashed:
      return "crashed";
    case Status::bad_output:
      return "bad_output";
    case Status::transport:
      return "transport";
    case Status::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::int64_t BatchResult::num_failed() const {
  return std::count_if(evaluations.begin(), evaluations.end(),
                       [](const Evaluation& e) { return e.status != Status::ok; });
}

}  // namespace invar::method
