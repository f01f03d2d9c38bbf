#include "invar/core/status.hpp"

namespace invar::core {

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

}  // namespace invar::core
