#include "invar/petsc/check.hpp"

#include <string>

#include <gtest/gtest.h>

#include "invar/petsc/handle.hpp"
#include "support/petsc_environment.hpp"

namespace invar::petsc {
namespace {

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

TEST(Check, LetsSuccessPass) {
  EXPECT_NO_THROW(check(0));
}

TEST(Check, ThrowsWithPetscsExplanationAndPrintsNothing) {
  VecOwner x;
  check(VecCreate(PETSC_COMM_SELF, x.put()));
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  Error caught(ErrorKind::usage, "");

  try {
    check(VecSetType(x.get(), "no_such_type"));
  } catch (const Error& error) {
    caught = error;
  }

  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(caught.kind(), ErrorKind::internal);
  EXPECT_EQ(std::string(caught.what()).rfind("PETSc: ", 0), 0U) << caught.what();
  EXPECT_NE(std::string(caught.what()).find("no_such_type"), std::string::npos) << caught.what();
  EXPECT_NE(std::string(caught.where().file).find("check_test.cpp"), std::string::npos);
}

}  // namespace
}  // namespace invar::petsc
