#include "model_petsc/solver_options.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "invar/petsc/check.hpp"
#include "invar/petsc/handle.hpp"

namespace invar::model_petsc {
namespace {

using petsc::check;

bool is_for_solvers(std::string_view name) {
  constexpr std::array<std::string_view, 4> stems = {"ksp_", "pc_", "mg_", "sub_"};
  return std::any_of(stems.begin(), stems.end(),
                     [name](std::string_view stem) { return name.starts_with(stem); });
}

std::string command_line() {
  char* text = nullptr;
  check(PetscOptionsGetAll(nullptr, &text));
  std::string copy(text);
  check(PetscFree(text));
  return copy;
}

/// So that -options_left does not complain about an option that is read under another name.
void mark_used(const std::string& name) {
  PetscBool is_there = PETSC_FALSE;
  check(PetscOptionsHasName(nullptr, nullptr, ("-" + name).c_str(), &is_there));
}

}  // namespace

SolverOptions::SolverOptions(const Sources& sources, PetscObject owner) {
  PetscObjectId id = 0;
  check(PetscObjectGetId(owner, &id));
  const std::string shared_prefix = sources.model + "_";
  prefix_ = shared_prefix + std::to_string(id) + "_";

  const std::vector<Option> given = parse(command_line());
  for (const Option& option : given) {
    const bool is_of_another_solver =
        option.name.find_first_of("0123456789", shared_prefix.size()) == shared_prefix.size();
    if (option.name.starts_with(shared_prefix) && !is_of_another_solver) {
      add_missing(option.name.substr(shared_prefix.size()), option);
      mark_used(option.name);
    }
  }
  for (const Option& option : given) {
    if (is_for_solvers(option.name)) {
      add_missing(option.name, option);
      mark_used(option.name);
    }
  }
  for (const Option& option : parse(sources.study)) {
    of_study_.push_back(option.name);
    add_missing(option.name, option);
  }
  for (const Option& option : parse(sources.defaults)) {
    add_missing(option.name, option);
  }
}

SolverOptions::~SolverOptions() {
  if (PetscFinalizeCalled != PETSC_FALSE) {
    return;
  }
  for (const std::string& name : added_) {
    static_cast<void>(PetscOptionsClearValue(nullptr, ("-" + prefix_ + name).c_str()));
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

std::vector<SolverOptions::Option> SolverOptions::parse(const std::string& text) {
  petsc::Owner<PetscOptions, PetscOptionsDestroy> parsed;
  check(PetscOptionsCreate(parsed.put()));
  check(PetscOptionsInsertString(parsed.get(), text.c_str()));
  PetscInt count = 0;
  char** names = nullptr;
  char** values = nullptr;
  check(PetscOptionsLeftGet(parsed.get(), &count, &names, &values));  // all: none has been used
  std::vector<Option> options;
  for (PetscInt i = 0; i < count; ++i) {
    const bool has_value = values[i] != nullptr;
    options.push_back({names[i], has_value ? values[i] : "", has_value});
  }
  check(PetscOptionsLeftRestore(parsed.get(), &count, &names, &values));
  return options;
}

void SolverOptions::add_missing(const std::string& name, const Option& option) {
  if (std::find(added_.begin(), added_.end(), name) == added_.end()) {
    check(PetscOptionsSetValue(nullptr, ("-" + prefix_ + name).c_str(),
                               option.has_value ? option.value.c_str() : nullptr));
    added_.push_back(name);
  }
}

}  // namespace invar::model_petsc
