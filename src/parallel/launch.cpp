#include "invar/parallel/launch.hpp"

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::parallel {
namespace {

/// The number in an environment variable, or 0.
int number_in(const char* variable) {
  const char* text = std::getenv(variable);
  int value = 0;
  if (text != nullptr) {
    std::from_chars(text, text + std::strlen(text), value);
  }
  return value;
}

struct Trace {
  const char* variable;
  const char* launcher;
  bool is_certain = true;
};

// The innermost launcher first: mpirun in a Slurm job counts, not the job's size. SLURM_NTASKS
// alone is a batch script or an allocation without srun.
constexpr std::array<Trace, 4> traces = {{{"OMPI_COMM_WORLD_SIZE", "Open MPI mpirun"},
                                          {"PMI_SIZE", "PMI mpiexec"},
                                          {"SLURM_STEP_NUM_TASKS", "Slurm srun"},
                                          {"SLURM_NTASKS", "Slurm srun", false}}};

}  // namespace

Launch launch_from_environment() {
  for (const Trace& trace : traces) {
    if (const int size = number_in(trace.variable); size > 0) {
      return {.launcher = trace.launcher, .num_ranks = size, .is_certain = trace.is_certain};
    }
  }
  return {};
}

int rank_from_environment() {
  for (const char* variable : {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    if (std::getenv(variable) != nullptr) {
      return number_in(variable);
    }
  }
  return 0;
}

void require_launched_ranks(const Launch& launch, int num_ranks) {
  if (num_ranks == 1 && launch.num_ranks > 1) {
    throw Error(ErrorKind::config,
                fmt::format("expected {} ranks, as {} says, found 1: this process cannot see the "
                            "others. Start the program with the mpirun of the MPI library it was "
                            "built with, or with srun --mpi=pmix; to use one rank, ask for one",
                            launch.num_ranks, launch.launcher));
  }
}

}  // namespace invar::parallel
