#pragma once

#include <string>
#include <vector>

#include <petscsys.h>

namespace invar::model_petsc {

/// Options of one solver in PETSc's options database, under a prefix that no other solver has.
///
/// The strongest first: `-<model>_x` from the command line; `-x` from the command line where x
/// begins with ksp_, pc_, mg_ or sub_; the study's; the model's defaults. What was added here is
/// taken out again at the end.
///
/// MPI: Local; the same options on all ranks of the group.
/// Lifetime: as long as the solver, which reads some of them late.
class SolverOptions {
 public:
  struct Sources {
    std::string model;     // "poisson"
    std::string study;     // "-pc_type gamg"
    std::string defaults;  // likewise
  };

  /// @param owner  an object of PETSc that lives as long, for a prefix of its own
  /// @throws Error(internal)  when PETSc cannot read one of the texts
  SolverOptions(const Sources& sources, PetscObject owner);
  SolverOptions(const SolverOptions&) = delete;
  SolverOptions& operator=(const SolverOptions&) = delete;
  SolverOptions(SolverOptions&&) = delete;
  SolverOptions& operator=(SolverOptions&&) = delete;
  ~SolverOptions();

  [[nodiscard]] const std::string& prefix() const { return prefix_; }

  /// Names given by the study that PETSc has not asked for so far.
  [[nodiscard]] std::vector<std::string> unused() const;

 private:
  struct Option {
    std::string name;  // without dash
    std::string value;
    bool has_value;
  };

  static std::vector<Option> parse(const std::string& text);
  void add_missing(const std::string& name, const Option& option);

  std::string prefix_;
  std::vector<std::string> added_;     // without prefix
  std::vector<std::string> of_study_;  // without prefix
};

}  // namespace invar::model_petsc
