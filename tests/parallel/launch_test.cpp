#include "invar/parallel/launch.hpp"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace {

using invar::Error;
using invar::ErrorKind;
using invar::parallel::Launch;
using invar::parallel::launch_from_environment;
using invar::parallel::require_launched_ranks;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Starts from an environment without a launcher.
class LaunchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"}) {
      ::unsetenv(name);
    }
  }
};

TEST_F(LaunchTest, FindsNobody) {
  const Launch launch = launch_from_environment();

  EXPECT_EQ(launch.launcher, "");
  EXPECT_EQ(launch.num_ranks, 1);
}

TEST_F(LaunchTest, PrefersMpirunToTheSlurmJobAroundIt) {
  ::setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  ::setenv("SLURM_NTASKS", "8", 1);

  const Launch launch = launch_from_environment();

  EXPECT_EQ(launch.launcher, "Open MPI mpirun");
  EXPECT_EQ(launch.num_ranks, 2);
}

TEST_F(LaunchTest, CountsTheTasksOfASlurmStepRatherThanOfTheJob) {
  ::setenv("SLURM_STEP_NUM_TASKS", "1", 1);
  ::setenv("SLURM_NTASKS", "8", 1);

  EXPECT_EQ(launch_from_environment().num_ranks, 1);
}

TEST_F(LaunchTest, TellsAStepOfSlurmFromItsAllocation) {
  ::setenv("SLURM_NTASKS", "8", 1);
  EXPECT_FALSE(launch_from_environment().is_certain);

  ::setenv("SLURM_STEP_NUM_TASKS", "8", 1);
  EXPECT_TRUE(launch_from_environment().is_certain);
}

TEST_F(LaunchTest, RefusesToWorkAloneWhenSeveralWereStarted) {
  ::setenv("SLURM_NTASKS", "8", 1);

  try {
    require_launched_ranks(launch_from_environment(), 1);
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("expected 8 ranks"), HasSubstr("found 1"),
                                    HasSubstr("Slurm srun")));
  }
}

TEST_F(LaunchTest, AcceptsRanksThatKnowOfEachOther) {
  EXPECT_NO_THROW(require_launched_ranks({.launcher = "Slurm srun", .num_ranks = 8}, 8));
  EXPECT_NO_THROW(require_launched_ranks({.launcher = "Open MPI mpirun", .num_ranks = 1}, 1));
}

}  // namespace
