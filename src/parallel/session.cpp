#include "invar/parallel/session.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include <mpi.h>

namespace invar::parallel {
namespace {

void abort_on_broken_expectation(const char* text) noexcept {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  std::fprintf(stderr, "[rank %d] %s\n", rank, text);
  Session::abort(static_cast<int>(core::ErrorKind::internal));
}

}  // namespace

Session::Session(int& argc, char**& argv) {
  int is_initialized = 0;
  MPI_Initialized(&is_initialized);
  if (is_initialized == 0) {
    if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) {
      // Without mpirun, Open MPI would start a daemon that can outlive this process.
      ::setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
      // Processes that stand alone would share one folder, and remove it under each other.
      ::setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
    }
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    owns_mpi_ = true;
  }
  previous_hook_ = core::set_expectation_hook(abort_on_broken_expectation);
  world_ = Comm::duplicate(MPI_COMM_WORLD);
}

Session::~Session() {
  if (std::uncaught_exceptions() > 0) {
    std::fprintf(stderr, "invar: an exception leaves the MPI session\n");
    abort(static_cast<int>(core::ErrorKind::internal));
  }
  core::set_expectation_hook(previous_hook_);
  world_ = Comm();
  if (owns_mpi_) {
    MPI_Finalize();
  }
}

int Session::rank_in_job() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

void Session::abort(int code) noexcept {
  std::fflush(nullptr);
  MPI_Abort(MPI_COMM_WORLD, code);
  std::abort();
}

}  // namespace invar::parallel
