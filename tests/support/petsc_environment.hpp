#pragma once

#include <memory>

#include <mpi.h>

#include <gtest/gtest.h>

#include "invar/petsc/session.hpp"

namespace invar::test {

/// PETSc on all ranks for the tests of a program; in its one source file:
///
///     const auto* const petsc = ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);
class PetscEnvironment final : public ::testing::Environment {
 public:
  void SetUp() override { session_ = std::make_unique<petsc::PetscSession>(MPI_COMM_WORLD); }
  void TearDown() override { session_->close(); }

 private:
  std::unique_ptr<petsc::PetscSession> session_;
};

}  // namespace invar::test
