#include "model_petsc/poisson_system.hpp"

#include <array>
#include <cmath>
#include <string>

#include <mpi.h>

#include <gtest/gtest.h>

#include "invar/petsc/check.hpp"
#include "model_petsc/element_forces.hpp"
#include "support/petsc_environment.hpp"

namespace invar::model_petsc {
namespace {

using petsc::check;

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

struct World {
  World() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
  }
  int rank = 0;
  int size = 1;
};

/// The matrix of MPI ranks' own rows, written out.
Eigen::MatrixXd owned_rows(Mat matrix) {
  PetscInt begin = 0;
  PetscInt end = 0;
  PetscInt num_columns = 0;
  check(MatGetOwnershipRange(matrix, &begin, &end));
  check(MatGetSize(matrix, nullptr, &num_columns));
  Eigen::MatrixXd rows = Eigen::MatrixXd::Zero(end - begin, num_columns);
  for (PetscInt row = begin; row < end; ++row) {
    PetscInt count = 0;
    const PetscInt* columns = nullptr;
    const double* values = nullptr;
    check(MatGetRow(matrix, row, &count, &columns, &values));
    for (PetscInt c = 0; c < count; ++c) {
      rows(row - begin, columns[c]) = values[c];
    }
    check(MatRestoreRow(matrix, row, &count, &columns, &values));
  }
  return rows;
}

TEST(LinesOfRank, ShareAllLinesInOrderAndEvenly) {
  for (const int n : {2, 3, 8, 32, 101}) {
    for (const int num_ranks : {1, 2, 3, 7, 40}) {
      PetscInt next = 0;
      for (int rank = 0; rank < num_ranks; ++rank) {
        const GridLines lines = lines_of_rank(n, rank, num_ranks);
        EXPECT_EQ(lines.begin, next);
        EXPECT_LE((lines.end - lines.begin) * num_ranks, n - 1 + num_ranks);
        next = lines.end;
      }
      EXPECT_EQ(next, n - 1);
    }
  }
}

TEST(PoissonSystem, HoldsNoMoreThanItsShareOfRowsAndOneGridLine) {
  const World world;
  for (const int n : {8, 32, 48}) {
    PoissonSystem system({.n = n, .k = 4}, MPI_COMM_WORLD);
    ASSERT_FALSE(system.solve(Eigen::VectorXd::Ones(16)).has_value());
    const double line = n - 1;
    const double share = line * line / world.size;

    PetscInt num_matrix_rows = 0;
    PetscInt num_solution_rows = 0;
    check(MatGetLocalSize(system.matrix(), &num_matrix_rows, nullptr));
    check(VecGetLocalSize(system.solution(), &num_solution_rows));

    EXPECT_LE(num_matrix_rows, share + line);
    EXPECT_EQ(num_solution_rows, num_matrix_rows);
    MatInfo info;
    check(MatGetInfo(system.matrix(), MAT_LOCAL, &info));
    EXPECT_LE(info.nz_used, 9.0 * static_cast<double>(num_matrix_rows));
    EXPECT_EQ(info.mallocs, 0.0);  // room was made beforehand for every entry
    // Values of other ranks: one grid line of each neighbour, never more.
    if (world.size > 1) {
      PetscInt num_ghosts = 0;
      check(MatGetGhosts(system.matrix(), &num_ghosts, nullptr));
      const int num_neighbours =
          (system.lines().begin > 0 ? 1 : 0) + (system.lines().end < n - 1 ? 1 : 0);
      EXPECT_LE(num_ghosts, num_neighbours * line);
    }
  }
}

TEST(PoissonSystem, AssemblesTheMatrixOfTheElements) {
  // Element by element, as in a textbook: an independent way to the same matrix.
  constexpr int n = 6;
  const Eigen::VectorXd a = Eigen::VectorXd::LinSpaced(9, 0.5, 3.0);
  Eigen::Matrix4d element;
  element << 4, -1, -1, -2, -1, 4, -2, -1, -1, -2, 4, -1, -2, -1, -1, 4;
  Eigen::MatrixXd expected = Eigen::MatrixXd::Zero(25, 25);
  const auto unknown = [](int x, int y) {
    return x > 0 && x < n && y > 0 && y < n ? (x - 1) + 5 * (y - 1) : -1;
  };
  for (int y = 0; y < n; ++y) {
    for (int x = 0; x < n; ++x) {
      const std::array<int, 4> corner = {unknown(x, y), unknown(x + 1, y), unknown(x, y + 1),
                                         unknown(x + 1, y + 1)};
      for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j < 4; ++j) {
          if (corner[i] >= 0 && corner[j] >= 0) {
            expected(corner[i], corner[j]) +=
                a[x / 2 + 3 * (y / 2)] / 6.0 *
                element(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
          }
        }
      }
    }
  }
  PoissonSystem system({.n = n, .k = 3}, MPI_COMM_WORLD);

  EXPECT_FALSE(system.solve(a).has_value());

  PetscInt begin = 0;
  PetscInt end = 0;
  check(MatGetOwnershipRange(system.matrix(), &begin, &end));
  EXPECT_LE((owned_rows(system.matrix()) - expected.middleRows(begin, end - begin))
                .lpNorm<Eigen::Infinity>(),
            1e-14);
}

TEST(ElementForces, AreTheRowsOfTheMatrixTimesTheSolution) {
  for (const int n : {2, 4, 12}) {  // with n = 2 and 4 some ranks have no line
    PoissonSystem system({.n = n, .k = 2}, MPI_COMM_WORLD);
    const Eigen::Vector4d a(0.5, 2.0, 1.0, 4.0);
    ASSERT_FALSE(system.solve(a).has_value());
    ElementForces forces({.n = n, .k = 2}, system.lines(), system.solution());
    petsc::VecOwner expected;
    petsc::VecOwner result;
    check(VecDuplicate(system.solution(), expected.put()));
    check(VecDuplicate(system.solution(), result.put()));
    check(MatMult(system.matrix(), system.solution(), expected.get()));
    PetscReal energy = 0.0;
    check(VecDot(system.solution(), expected.get(), &energy));

    forces.set_solution(system.solution());
    forces.apply(a, result.get());
    const Eigen::VectorXd products = forces.products(system.solution(), system.group());

    check(VecAXPY(result.get(), -1.0, expected.get()));
    PetscReal error = 1.0;
    check(VecNorm(result.get(), NORM_INFINITY, &error));
    EXPECT_LE(error, 1e-13) << n;
    if (products.size() > 0) {
      EXPECT_NEAR(products.dot(a), energy, 1e-12 * energy) << n;
    }
  }
}

TEST(PoissonSystem, SolvesWithMoreRanksThanLines) {
  PoissonSystem system({.n = 2, .k = 1}, MPI_COMM_WORLD);

  const auto trouble = system.solve(Eigen::VectorXd::Constant(1, 2.0));

  EXPECT_FALSE(trouble.has_value()) << *trouble;
  PetscReal largest = 0.0;
  check(VecNorm(system.solution(), NORM_INFINITY, &largest));
  EXPECT_DOUBLE_EQ(largest, 10.0 * 0.25 / (16.0 / 6.0 * 2.0));
}

/// Solves once, then with NaN, then as at first.
void expect_recovery(const std::string& petsc_options, double tolerance) {
  PoissonSystem system({.n = 8, .k = 2, .petsc_options = petsc_options}, MPI_COMM_WORLD);
  const Eigen::VectorXd good = Eigen::VectorXd::Ones(4);
  ASSERT_FALSE(system.solve(good).has_value());
  PetscReal before = 0.0;
  check(VecNorm(system.solution(), NORM_2, &before));

  EXPECT_TRUE(system.solve(Eigen::VectorXd::Constant(4, std::nan(""))).has_value());

  ASSERT_FALSE(system.solve(good).has_value());
  PetscReal after = 0.0;
  check(VecNorm(system.solution(), NORM_2, &after));
  EXPECT_NEAR(after, before, tolerance);
}

TEST(PoissonSystem, RecoversToTheBitAfterASolverThatGaveUp) {
  expect_recovery("", 0.0);
}

TEST(PoissonSystem, RecoversAfterAnErrorInsidePetsc) {
  expect_recovery("-pc_type gamg", 1e-12);
}

}  // namespace
}  // namespace invar::model_petsc
