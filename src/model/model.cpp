#include "invar/model/model.hpp"

namespace invar::model {

ModelResult crash_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return {.status = Status::crashed, .message = error.what()};
  } catch (...) {
    return {.status = Status::crashed,
            .message = "the model threw something that is no std::exception"};
  }
}

std::vector<ModelResult> Model::evaluate_several(const std::vector<ModelRequest>& requests) {
  std::vector<ModelResult> results;
  results.reserve(requests.size());
  for (const ModelRequest& request : requests) {
    results.push_back(evaluate(request));
  }
  return results;
}

}  // namespace invar::model
