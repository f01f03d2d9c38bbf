#include "invar/regression/informed_directions.hpp"

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "invar/core/random.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd normals(std::uint64_t seed, Index rows, Index columns) {
  return core::standard_normals({.seed = seed, .purpose = core::Purpose::test}, rows, columns);
}

MatrixXd orthonormal(std::uint64_t seed, Index rows, Index columns) {
  return normals(seed, rows, columns).householderQr().householderQ() *
         MatrixXd::Identity(rows, columns);
}

MatrixXd with_values(Index rows, Index columns, const VectorXd& values) {
  return orthonormal(1, rows, values.size()) * values.asDiagonal() *
         orthonormal(2, columns, values.size()).transpose();
}

TEST(LeadingDirections, AreThoseAboveTheTail) {
  VectorXd values(5);
  values << 4.0, 2.0, 0.5, 0.3, 0.4;
  for (const auto& [rows, columns] : {std::pair(50, 9), std::pair(9, 50)}) {
    const MatrixXd matrix = with_values(rows, columns, values);
    // Without the last three 0.5 0.4 0.3: a tail of 0.707; without the last two 0.5.
    EXPECT_EQ(
        leading_directions(matrix, {.tail = 0.71, .most = 9, .rough_tail = 1.0, .most_ever = 9})
            .cols(),
        2);
    const MatrixXd three =
        leading_directions(matrix, {.tail = 0.51, .most = 9, .rough_tail = 1.0, .most_ever = 9});
    EXPECT_EQ(three.cols(), 3);
    EXPECT_LE((three.transpose() * three - MatrixXd::Identity(3, 3)).norm(), 1e-12);
    EXPECT_NEAR(outside(three, matrix).norm(), 0.5, 1e-12);
  }
}

TEST(LeadingDirections, AreRougherWhereThereAreMany) {
  const MatrixXd matrix = with_values(50, 20, VectorXd::Constant(15, 0.1));
  EXPECT_EQ(
      leading_directions(matrix, {.tail = 0.01, .most = 4, .rough_tail = 0.2, .most_ever = 20})
          .cols(),
      11);
  EXPECT_EQ(
      leading_directions(matrix, {.tail = 0.01, .most = 4, .rough_tail = 0.05, .most_ever = 10})
          .cols(),
      10);
  EXPECT_EQ(leading_directions(MatrixXd(7, 0),
                               {.tail = 0.1, .most = 4, .rough_tail = 0.2, .most_ever = 9})
                .cols(),
            0);
}

TEST(Compressed, HasTheSameGramMatrixOfRows) {
  VectorXd values(5);
  values << 4.0, 2.0, 0.5, 1e-7, 1e-9;
  const MatrixXd matrix = with_values(50, 9, values);
  const MatrixXd fewer = compressed(matrix, 1e-5);
  EXPECT_EQ(fewer.cols(), 3);
  EXPECT_LE((fewer * fewer.transpose() - matrix * matrix.transpose()).norm(), 1e-12);
  EXPECT_EQ(compressed(MatrixXd(7, 0), 0.1).cols(), 0);
}

TEST(AreExhausted, WhenTheLastDrawsBringNothingNew) {
  const MatrixXd mix = with_values(40, 60, VectorXd::LinSpaced(10, 5.0, 1.0));
  const MatrixXd draws = mix * normals(3, 60, 40);
  EXPECT_FALSE(are_exhausted(draws.leftCols(3), 1e-3));
  EXPECT_FALSE(are_exhausted(draws.leftCols(11), 1e-3));
  EXPECT_TRUE(are_exhausted(draws.leftCols(14), 1e-3));
  EXPECT_TRUE(are_exhausted(draws, 1e-3));
  const MatrixXd noisy = draws + 0.1 * normals(4, 40, 40);
  EXPECT_FALSE(are_exhausted(noisy.leftCols(20), 1e-3));
  EXPECT_TRUE(are_exhausted(noisy.leftCols(20), 2.0));
}

}  // namespace
}  // namespace invar::regression
