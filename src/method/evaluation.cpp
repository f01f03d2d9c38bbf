#include "invar/method/evaluation.hpp"

#include <algorithm>

namespace invar::method {

std::int64_t BatchResult::num_failed() const {
  return std::count_if(evaluations.begin(), evaluations.end(),
                       [](const Evaluation& e) { return e.status != Status::ok; });
}

}  // namespace invar::method
