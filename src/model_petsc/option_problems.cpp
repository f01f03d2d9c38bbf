#include "model_petsc/option_problems.hpp"

#include "invar/core/error.hpp"

namespace invar::model_petsc {

void require_none(const std::vector<model::OptionProblem>& problems) {
  if (problems.empty()) {
    return;
  }
  std::string message;
  for (const model::OptionProblem& problem : problems) {
    message += (message.empty() ? "`" : "\n`") + problem.key + "`: " + problem.message;
  }
  throw Error(ErrorKind::config, message);
}

}  // namespace invar::model_petsc
