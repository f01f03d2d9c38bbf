#include "invar/core/error.hpp"
#include "invar/model/model.hpp"

namespace invar::model {

void ModelRegistry::add(ModelType type) {
  INVAR_EXPECTS(find(type.name) == nullptr);
  types_.push_back(std::move(type));
}

const ModelType* ModelRegistry::find(const std::string& name) const {
  for (const ModelType& type : types_) {
    if (type.name == name) {
      return &type;
    }
  }
  return nullptr;
}

}  // namespace invar::model
