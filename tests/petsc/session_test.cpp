#include "invar/petsc/session.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <petscsys.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace invar::petsc {
namespace {

int rank_in_world() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

/// Rank 0 alone, all others together, as in a campaign.
class Group {
 public:
  Group() { MPI_Comm_split(MPI_COMM_WORLD, rank_in_world() == 0 ? 0 : 1, rank_in_world(), &comm_); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  Group(Group&&) = delete;
  Group& operator=(Group&&) = delete;
  ~Group() { MPI_Comm_free(&comm_); }

  [[nodiscard]] MPI_Comm get() const { return comm_; }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
};

bool has_option(const char* name) {
  PetscBool is_there = PETSC_FALSE;
  PetscOptionsHasName(nullptr, nullptr, name, &is_there);
  return is_there == PETSC_TRUE;
}

TEST(PetscSession, MakesTheGroupPetscsWorld) {
  const Group group;

  const PetscSession session(group.get());

  EXPECT_EQ(PETSC_COMM_WORLD, group.get());
  EXPECT_EQ(PetscInitializeCalled, PETSC_TRUE);
}

TEST(PetscSession, HandsItsOptionsToPetsc) {
  const Group group;

  const PetscSession session(group.get(), {"-ksp_rtol", "1e-7", "-ksp_monitor"});

  PetscReal tolerance = 0.0;
  PetscOptionsGetReal(nullptr, nullptr, "-ksp_rtol", &tolerance, nullptr);
  EXPECT_EQ(tolerance, 1e-7);
  EXPECT_TRUE(has_option("-ksp_monitor"));
}

TEST(PetscSession, LeavesMpiErrorsFatal) {
  const Group group;

  const PetscSession session(group.get());

  MPI_Errhandler errors = MPI_ERRHANDLER_NULL;
  MPI_Comm_get_errhandler(group.get(), &errors);
  EXPECT_EQ(errors, MPI_ERRORS_ARE_FATAL);
  MPI_Errhandler_free(&errors);
}

TEST(PetscSession, EndsWithCloseAndMayFollowAnother) {
  const Group group;
  {
    PetscSession first(group.get(), {"-first"});
    first.close();
    EXPECT_EQ(PetscFinalizeCalled, PETSC_TRUE);
    EXPECT_EQ(PETSC_COMM_WORLD, MPI_COMM_NULL);
    first.close();
  }

  const PetscSession second(group.get());

  EXPECT_EQ(PetscFinalizeCalled, PETSC_FALSE);
  EXPECT_FALSE(has_option("-first"));
}

TEST(PetscSession, RefusesOptionsThatBeginWithAValue) {
  const Group group;
  ErrorKind kind = ErrorKind::internal;

  try {
    const PetscSession session(group.get(), {"cg"});
  } catch (const Error& error) {
    kind = error.kind();
  }

  EXPECT_EQ(kind, ErrorKind::usage);
}

TEST(PetscSession, WritesItsProfileOncePerGroup) {
  const Group group;
  const bool is_manager = rank_in_world() == 0;
  const std::string stem =
      std::filesystem::temp_directory_path() / ("invar_petsc_session_" + std::to_string(getppid()));
  const std::string suffix = is_manager ? ".manager" : ".group0";

  {
    PetscSession session(group.get(), options_of_group({"-log_view", ":" + stem}, suffix));
    session.close();
  }

  MPI_Barrier(MPI_COMM_WORLD);
  std::stringstream text;
  text << std::ifstream(stem + suffix).rdbuf();
  const std::string heading = "PETSc Performance Summary";
  const std::size_t found = text.str().find(heading);
  EXPECT_NE(found, std::string::npos);
  EXPECT_EQ(text.str().find(heading, found + 1), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(stem));
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank_in_world() < 2) {
    std::filesystem::remove(stem + suffix);
  }
}

TEST(OptionsOfGroup, GivesFilesOfViewersASuffix) {
  const std::vector<std::string> options = options_of_group(
      {"-log_view", ":p.txt", "-ksp_view", "ascii:k.txt:ascii_info_detail", "-log_trace", "t"},
      ".group2");

  EXPECT_EQ(options, (std::vector<std::string>{"-log_view", ":p.txt.group2", "-ksp_view",
                                               "ascii:k.txt.group2:ascii_info_detail", "-log_trace",
                                               "t.group2"}));
}

TEST(OptionsOfGroup, LeavesEverythingElse) {
  const std::vector<std::string> options = {"-ksp_monitor", "-ksp_view", "::ascii_info",
                                            "-ksp_type",    "cg",        "-mat_view",
                                            "draw",         "-shift",    "-1.5"};

  EXPECT_EQ(options_of_group(options, ".group2"), options);
}

}  // namespace
}  // namespace invar::petsc
