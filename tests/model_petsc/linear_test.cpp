#include "invar/model_petsc/linear.hpp"

#include <mpi.h>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "support/petsc_environment.hpp"

namespace invar::model_petsc {
namespace {

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

int rank_in_world() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

LinearOptions some_options(Eigen::Index num_qois, Eigen::Index num_parameters) {
  LinearOptions options;
  options.matrix =
      Eigen::MatrixXd::NullaryExpr(num_qois, num_parameters, [](Eigen::Index i, Eigen::Index j) {
        return std::sin(static_cast<double>(5 * i + 3 * j)) + 0.1 * static_cast<double>(i);
      });
  options.offset = Eigen::VectorXd::LinSpaced(num_qois, -2.0, 3.0);
  return options;
}

void expect_agreement_with_eigen(const LinearOptions& options) {
  const auto model = make_linear_model(options, MPI_COMM_WORLD);
  const Eigen::VectorXd theta = Eigen::VectorXd::LinSpaced(options.matrix.cols(), -1.0, 2.0);

  const model::ModelResult result = model->evaluate(theta);

  EXPECT_TRUE(result.is_ok());
  const Eigen::VectorXd expected = options.matrix * theta + options.offset;
  if (rank_in_world() == 0) {
    ASSERT_EQ(result.qois.size(), expected.size());
    EXPECT_LE((result.qois - expected).norm(), 1e-14 * (1.0 + expected.norm()));
  } else {
    EXPECT_EQ(result.qois.size(), 0);
  }
}

TEST(LinearModel, AgreesWithEigen) {
  expect_agreement_with_eigen(some_options(17, 5));
}

TEST(LinearModel, AgreesWithEigenWithMoreParametersThanQois) {
  expect_agreement_with_eigen(some_options(4, 23));
}

TEST(LinearModel, AgreesWithEigenWithLessQoisThanRanks) {
  expect_agreement_with_eigen(some_options(1, 1));
  expect_agreement_with_eigen(some_options(2, 1));
}

TEST(LinearModel, AddsASingleOffsetToEveryQoi) {
  LinearOptions options = some_options(3, 2);
  options.offset = Eigen::VectorXd::Constant(1, 7.5);
  const auto model = make_linear_model(options, MPI_COMM_WORLD);

  const model::ModelResult result = model->evaluate(Eigen::VectorXd::Zero(2));

  if (rank_in_world() == 0) {
    EXPECT_EQ(result.qois, Eigen::VectorXd::Constant(3, 7.5));
  }
}

TEST(LinearModel, RefusesShapesThatDoNotFit) {
  LinearOptions options = some_options(3, 2);
  options.offset = Eigen::VectorXd::Zero(2);
  ErrorKind kind = ErrorKind::internal;
  std::string message;

  try {
    make_linear_model(options, MPI_COMM_WORLD);
  } catch (const Error& error) {
    kind = error.kind();
    message = error.what();
  }

  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_EQ(message, "`offset`: expected 1 or 3 numbers, found 2");
}

TEST(LinearModel, RefusesAnEmptyMatrix) {
  EXPECT_THROW(make_linear_model({}, MPI_COMM_WORLD), Error);
}

}  // namespace
}  // namespace invar::model_petsc
