#include "invar/method/method.hpp"

#include <limits>

#include "invar/core/error.hpp"

namespace invar::method {

const char* stop_reason_name(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::none:
      return "none";
    case StopReason::gradient_norm_tolerance:
      return "gradient_norm_tolerance";
    case StopReason::elbo_relative_tolerance:
      return "elbo_relative_tolerance";
    case StopReason::accuracy:
      return "accuracy";
    case StopReason::max_iterations:
      return "max_iterations";
    case StopReason::max_evaluations:
      return "max_evaluations";
    case StopReason::line_search_failed:
      return "line_search_failed";
    case StopReason::too_many_failures:
      return "too_many_failures";
    case StopReason::non_finite:
      return "non_finite";
    case StopReason::groups_lost:
      return "groups_lost";
    case StopReason::stopped_early:
      return "stopped_early";
  }
  return "unknown";
}

double RoundDiagnostics::scalar(const std::string& name) const {
  for (const auto& [key, value] : scalars) {
    if (key == name) {
      return value;
    }
  }
  return std::numeric_limits<double>::quiet_NaN();
}

void State::throw_missing(const std::string& name) {
  throw Error(ErrorKind::data, "the state has no `" + name +
                                   "` of the expected type; it was written by another method or "
                                   "another version");
}

}  // namespace invar::method
