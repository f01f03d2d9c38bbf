#pragma once

#include <string>

namespace invar::parallel {

/// Who started this process, and with how many others.
struct Launch {
  std::string launcher;    // "Open MPI mpirun", "Slurm srun", "PMI mpiexec", or "" for nobody
  int num_ranks = 1;       // as the launcher says
  bool is_certain = true;  // false: an allocation of that size, in which this may well be alone
};

/// What the launcher left in the environment.
/// MPI: Local.
Launch launch_from_environment();

/// The rank of this process among those that were started together, as the launcher says; 0 where
/// nobody launched it.
/// MPI: Local; MPI need not be there.
int rank_from_environment();

/// Makes sure that ranks that were started together know of each other.
///
/// With another MPI library than the launcher's, every process believes to be alone.
///
/// @param num_ranks  size of the session's world
/// @throws Error(config)  when the launcher started several ranks but MPI knows of one only
/// MPI: Local.
void require_launched_ranks(const Launch& launch, int num_ranks);

}  // namespace invar::parallel
