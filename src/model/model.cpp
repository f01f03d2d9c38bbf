#include "invar/model/model.hpp"

namespace invar::model {

std::vector<ModelResult> Model::evaluate_several(const std::vector<ModelRequest>& requests) {
  std::vector<ModelResult> results;
  for (const ModelRequest& request : requests) {
    results.push_back(evaluate(request));
  }
  return results;
}

}  // namespace invar::model
