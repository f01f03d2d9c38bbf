#pragma once

#include <string>
#include <vector>

#include <mpi.h>

namespace invar::petsc {

/// PETSc between PetscInitialize and PetscFinalize, on one group of ranks.
///
/// PETSC_COMM_WORLD is the communicator that is given, so that -log_view and the like speak once
/// per group. PETSc's errors come as return codes (see `check`) and print nothing, its signal
/// handlers and its .petscrc files stay out, and MPI errors on the communicator stay fatal.
///
/// MPI: Collective on `world`. MPI is initialised before and finalised after.
/// Lifetime: one at a time; outlives everything PETSc made. Another may follow.
class PetscSession {
 public:
  /// @param world    outlives the session
  /// @param options  as on a command line: {"-log_view", ":profile.txt", "-ksp_monitor"}
  /// @throws Error(usage)     when an option does not begin with a dash where a name must stand
  /// @throws Error(internal)  when PETSc does not start
  explicit PetscSession(MPI_Comm world, const std::vector<std::string>& options = {});
  PetscSession(const PetscSession&) = delete;
  PetscSession& operator=(const PetscSession&) = delete;
  PetscSession(PetscSession&&) = delete;
  PetscSession& operator=(PetscSession&&) = delete;

  /// Closes, unless an exception is under way (then nothing here may wait for other ranks).
  ~PetscSession();

  /// Ends PETSc; prints what was asked for. Does nothing the second time.
  /// MPI: Collective on `world`.
  /// @throws Error(internal)  when PETSc does not end
  void close();

 private:
  std::vector<std::string> arguments_;  // PETSc keeps pointers to them
  std::vector<char*> pointers_;
  int num_exceptions_at_start_ = 0;
  bool is_open_ = false;
};

/// The options of one group: files that PETSc's viewers write get a suffix, so that groups do not
/// write over each other: `-log_view :p.txt` becomes `-log_view :p.txt.group2`.
///
/// Concerns options named *view*, *monitor* or *log_trace*; what goes to the terminal stays.
///
/// MPI: Local.
std::vector<std::string> options_of_group(std::vector<std::string> options,
                                          const std::string& suffix);

}  // namespace invar::petsc
