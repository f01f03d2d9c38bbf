#pragma once

#include <string>
#include <vector>

namespace invar::model_petsc {

/// Options of one model's solver in PETSc's options database, under the model's prefix.
///
/// The strongest first: `-<prefix>x` from the command line; `-x` from the command line where x
/// begins with ksp_, pc_, mg_ or sub_; the study's; the model's defaults. What was added here is
/// taken out again at the end.
///
/// MPI: Local; the same on all ranks of the group.
/// Lifetime: as long as the solver, which reads some of them late.
class SolverOptions {
 public:
  /// @throws Error(internal)  when PETSc cannot read one of the texts
  SolverOptions(std::string prefix, const std::string& study, const std::string& defaults);
  SolverOptions(const SolverOptions&) = delete;
  SolverOptions& operator=(const SolverOptions&) = delete;
  SolverOptions(SolverOptions&&) = delete;
  SolverOptions& operator=(SolverOptions&&) = delete;
  ~SolverOptions();

  [[nodiscard]] const std::string& prefix() const { return prefix_; }

  /// Names given by the study that PETSc has not asked for so far.
  [[nodiscard]] std::vector<std::string> unused() const;

 private:
  void add_missing(const std::string& name, const char* value);

  std::string prefix_;
  std::vector<std::string> added_;     // "-poisson_ksp_type"
  std::vector<std::string> of_study_;  // "ksp_type"
};

}  // namespace invar::model_petsc
