#include "invar/petsc/check.hpp"

#include <string>

namespace invar::petsc {

void check(PetscErrorCode code, core::SourceLocation where) {
  if (code == 0) {
    return;
  }
  const char* general = nullptr;
  char* specific = nullptr;
  static_cast<void>(PetscErrorMessage(code, &general, &specific));
  std::string message = "PETSc: " + std::string(general != nullptr ? general : "error") + " (" +
                        std::to_string(static_cast<int>(code)) + ")";
  if (specific != nullptr && *specific != '\0') {
    message += ": " + std::string(specific);
  }
  throw Error(ErrorKind::internal, message, where);
}

}  // namespace invar::petsc
