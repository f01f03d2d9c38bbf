#include "invar/parallel/session.hpp"

#include <string>

#include <mpi.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/program.hpp"

namespace {

using invar::parallel::Session;
using invar::test::ProgramResult;
using ::testing::HasSubstr;
using ::testing::Not;

ProgramResult run_on(int num_ranks, const std::string& failure) {
  const std::string program = std::string(INVAR_BINARY_DIR) + "/tests/session_program";
  return invar::test::run_shell(invar::test::on_ranks(num_ranks, program + " " + failure), 20);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t number = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++number;
  }
  return number;
}

TEST(Session, LeavesMpiToWhoeverStartedIt) {
  int argc = 0;
  char** argv = nullptr;
  {
    const Session session(argc, argv);
    EXPECT_EQ(session.world().size(), 1);
  }

  int is_finalized = 0;
  MPI_Finalized(&is_finalized);
  EXPECT_EQ(is_finalized, 0);
}

TEST(Session, KnowsAllRanks) {
  const ProgramResult result = run_on(3, "");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(count(result.out, "of 3"), 3U) << result.out;
}

TEST(Session, NeedsNoMpirun) {
  const ProgramResult result = run_on(1, "");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("done on rank 0 of 1"));
}

TEST(Session, FinalisesAfterAnErrorOfAll) {
  const ProgramResult result = run_on(3, "together");

  EXPECT_EQ(result.exit_code, 65) << result.err;
  EXPECT_EQ(count(result.err, "error: told by all"), 1U) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("MPI_ABORT")));
}

TEST(Session, AbortsAllRanksAfterAnErrorOfOne) {
  const ProgramResult result = run_on(3, "alone");

  EXPECT_EQ(result.exit_code, 74) << result.err;
  EXPECT_THAT(result.err, HasSubstr("[rank 2] error: told by one"));
}

TEST(Session, AbortsAllRanksOnABrokenExpectation) {
  const ProgramResult result = run_on(3, "expectation");

  EXPECT_EQ(result.exit_code, 70) << result.err;
  EXPECT_THAT(result.err, HasSubstr("[rank 2] invar: broken expectation `!is_guilty`"));
}

TEST(Session, AbortsRatherThanHangsWhenAnExceptionLeavesIt) {
  const ProgramResult result = run_on(3, "escape");

  EXPECT_EQ(result.exit_code, 70) << result.err;
  EXPECT_THAT(result.err, HasSubstr("an exception leaves the MPI session"));
}

}  // namespace
