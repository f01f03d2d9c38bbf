#pragma once

#include "invar/core/error.hpp"
#include "invar/parallel/comm.hpp"

namespace invar::parallel {

/// The MPI session of the program, and the only user of MPI_COMM_WORLD.
///
/// Construct it in `main` outside the `try`: on a failure of one rank alone the handler prints and
/// calls `abort`; a handler must never fall through to the destructor, because MPI_Finalize waits
/// for all ranks. The destructor aborts the job itself when an exception passes through it.
///
/// While it lives, a broken expectation (`INVAR_EXPECTS`) prints its rank and ends the whole job.
/// When somebody else has initialised MPI, it is left to them to finalise it.
///
/// MPI: Collective on all ranks of the job, constructor and destructor.
class Session {
 public:
  Session(int& argc, char**& argv);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  Session(Session&&) = delete;
  Session& operator=(Session&&) = delete;
  ~Session();

  /// All ranks of the job, on a communicator of our own.
  [[nodiscard]] const Comm& world() const noexcept { return world_; }

  /// The rank of this process in its job.
  /// MPI: Local; MPI is there.
  [[nodiscard]] static int rank_in_job();

  /// Ends all ranks at once; the program's exit code is `code`.
  /// MPI: Local.
  [[noreturn]] static void abort(int code) noexcept;

 private:
  bool owns_mpi_ = false;
  Comm world_;
  core::ExpectationHook previous_hook_ = nullptr;
};

}  // namespace invar::parallel
