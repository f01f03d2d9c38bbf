#include "model_petsc/solver_options.hpp"

#include <array>
#include <functional>
#include <string_view>

#include <petscsys.h>

#include "invar/petsc/check.hpp"
#include "invar/petsc/handle.hpp"

namespace invar::model_petsc {
namespace {

using petsc::check;

/// Calls `visit(name without dash, value or null)` for every option of a text.
void for_each_option(const char* text,
                     const std::function<void(const char* name, const char* value)>& visit) {
  petsc::Owner<PetscOptions, PetscOptionsDestroy> parsed;
  check(PetscOptionsCreate(parsed.put()));
  check(PetscOptionsInsertString(parsed.get(), text));
  PetscInt count = 0;
  char** names = nullptr;
  char** values = nullptr;
  check(PetscOptionsLeftGet(parsed.get(), &count, &names, &values));  // all: none has been used
  for (PetscInt i = 0; i < count; ++i) {
    visit(names[i], values[i]);
  }
  check(PetscOptionsLeftRestore(parsed.get(), &count, &names, &values));
}

bool is_for_solvers(std::string_view name) {
  constexpr std::array<std::string_view, 4> stems = {"ksp_", "pc_", "mg_", "sub_"};
  for (const std::string_view stem : stems) {
    if (name.starts_with(stem)) {
      return true;
    }
  }
  return false;
}

}  // namespace

SolverOptions::SolverOptions(std::string prefix, const std::string& study,
                             const std::string& defaults)
    : prefix_(std::move(prefix)) {
  char* command_line = nullptr;
  check(PetscOptionsGetAll(nullptr, &command_line));
  for_each_option(command_line, [this](const char* name, const char* value) {
    if (is_for_solvers(name)) {
      add_missing(name, value);
    }
  });
  check(PetscFree(command_line));
  for_each_option(study.c_str(), [this](const char* name, const char* value) {
    of_study_.emplace_back(name);
    add_missing(name, value);
  });
  for_each_option(defaults.c_str(),
                  [this](const char* name, const char* value) { add_missing(name, value); });
}

SolverOptions::~SolverOptions() {
  if (PetscFinalizeCalled != PETSC_FALSE) {
    return;
  }
  for (const std::string& name : added_) {
    static_cast<void>(PetscOptionsClearValue(nullptr, name.c_str()));
  }
}

std::vector<std::string> SolverOptions::unused() const {
  std::vector<std::string> names;
  for (const std::string& name : of_study_) {
    PetscBool is_used = PETSC_FALSE;
    check(PetscOptionsUsed(nullptr, (prefix_ + name).c_str(), &is_used));
    if (is_used == PETSC_FALSE) {
      names.push_back(name);
    }
  }
  return names;
}

void SolverOptions::add_missing(const std::string& name, const char* value) {
  const std::string full_name = "-" + prefix_ + name;
  PetscBool is_there = PETSC_FALSE;
  check(PetscOptionsHasName(nullptr, nullptr, full_name.c_str(), &is_there));
  if (is_there == PETSC_FALSE) {
    check(PetscOptionsSetValue(nullptr, full_name.c_str(), value));
    added_.push_back(full_name);
  }
}

}  // namespace invar::model_petsc
