#include "invar/petsc/check.hpp"

#include <string>

#include <petscvec.h>

#include <gtest/gtest.h>

#include "support/petsc_environment.hpp"

namespace invar::petsc {
namespace {

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

TEST(Check, LetsSuccessPass) {
  EXPECT_NO_THROW(check(0));
}

TEST(Check, ThrowsWithPetscsExplanationAndPrintsNothing) {
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  Error caught(ErrorKind::usage, "");

  try {
    check(VecSetType(nullptr, "no such type"));
  } catch (const Error& error) {
    caught = error;
  }

  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(caught.kind(), ErrorKind::internal);
  EXPECT_NE(std::string(caught.what()).find("PETSc: "), std::string::npos) << caught.what();
  EXPECT_NE(std::string(caught.where().file).find("check_test.cpp"), std::string::npos);
}

TEST(Check, GivesTheSpecificMessageOfTheFunctionThatFailed) {
  Vec x = nullptr;
  check(VecCreate(PETSC_COMM_SELF, &x));
  std::string message;

  try {
    check(VecSetType(x, "no_such_type"));
  } catch (const Error& error) {
    message = error.what();
  }

  check(VecDestroy(&x));
  EXPECT_NE(message.find("no_such_type"), std::string::npos) << message;
}

}  // namespace
}  // namespace invar::petsc
