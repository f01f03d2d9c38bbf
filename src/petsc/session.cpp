#include "invar/petsc/session.hpp"

#include <algorithm>
#include <exception>

#include <petscsys.h>

#include "invar/core/error.hpp"
#include "invar/petsc/check.hpp"

namespace invar::petsc {
namespace {

/// "-ksp_type" is a name, "-1.5" a value.
bool is_option_name(const std::string& text) {
  return text.size() > 1 && text[0] == '-' && text.find_first_of("0123456789.", 1) != 1;
}

}  // namespace

PetscSession::PetscSession(MPI_Comm world, const std::vector<std::string>& options)
    : num_exceptions_at_start_(std::uncaught_exceptions()) {
  INVAR_EXPECTS(PetscInitializeCalled == PETSC_FALSE);
  if (!options.empty() && !is_option_name(options.front())) {
    throw Error(ErrorKind::usage, "PETSc options: expected a name such as -ksp_type, found `" +
                                      options.front() + "`");
  }
  // Signals belong to the program, and a stray .petscrc must not change a campaign's numbers.
  arguments_ = {"invar", "-no_signal_handler", "-skip_petscrc"};
  arguments_.insert(arguments_.end(), options.begin(), options.end());
  for (std::string& argument : arguments_) {
    pointers_.push_back(argument.data());
  }
  int num_arguments = static_cast<int>(pointers_.size());
  pointers_.push_back(nullptr);
  char** first_argument = pointers_.data();

  MPI_Errhandler errors = MPI_ERRHANDLER_NULL;
  MPI_Comm_get_errhandler(world, &errors);
  PETSC_COMM_WORLD = world;
  check(PetscPushErrorHandler(PetscReturnErrorHandler, nullptr));
  check(PetscInitialize(&num_arguments, &first_argument, nullptr, nullptr));
  MPI_Comm_set_errhandler(world, errors);  // PetscInitialize makes it "errors return"
  MPI_Errhandler_free(&errors);
  is_open_ = true;
}

PetscSession::~PetscSession() {
  if (is_open_ && std::uncaught_exceptions() <= num_exceptions_at_start_) {
    try {
      close();
    } catch (const Error&) {  // a destructor has nobody to tell; `close` does
    }
  }
}

void PetscSession::close() {
  if (!is_open_) {
    return;
  }
  is_open_ = false;
  const PetscErrorCode code = PetscFinalize();
  static_cast<void>(PetscPopErrorHandler());
  PETSC_COMM_WORLD = MPI_COMM_NULL;
  check(code);
}

std::vector<std::string> options_of_group(std::vector<std::string> options,
                                          const std::string& suffix) {
  for (std::size_t i = 1; i < options.size(); ++i) {
    const std::string& name = options[i - 1];
    std::string& value = options[i];
    if (!is_option_name(name) || is_option_name(value)) {
      continue;
    }
    if (name == "-log_trace") {
      value += suffix;
    } else if (name.find("view") != std::string::npos ||
               name.find("monitor") != std::string::npos) {
      // type:file:format:mode, of which the file may be empty (the terminal)
      const std::size_t begin = value.find(':');
      if (begin != std::string::npos) {
        const std::size_t end = std::min(value.find(':', begin + 1), value.size());
        if (end > begin + 1) {
          value.insert(end, suffix);
        }
      }
    }
  }
  return options;
}

}  // namespace invar::petsc
