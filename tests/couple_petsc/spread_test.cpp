// The model of jobs/couple-petsc, its source as it is.
#define main spread_main
#include "../../jobs/couple-petsc/spread_model.cpp"
#undef main

#include <sstream>

#include <petsclog.h>

#include "model/model_contract.hpp"
#include "support/petsc_environment.hpp"
#include "support/program.hpp"

namespace invar::model {
namespace {

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

/// Objects that PETSc made and did not destroy, since it was first asked.
long num_petsc_objects() {
  petsc::check(PetscLogDefaultBegin());
  PetscStageLog log = nullptr;
  petsc::check(PetscLogGetStageLog(&log));
  const PetscClassPerfLog classes = log->stageInfo[0].classLog;
  long num_live = 0;
  for (int i = 0; i < classes->numClasses; ++i) {
    num_live += classes->classInfo[i].creations - classes->classInfo[i].destructions;
  }
  return num_live;
}

std::unique_ptr<Model> make_spread(int n, int steps, MPI_Comm group) {
  Spread options;
  options.n = n;
  options.steps = steps;
  return std::make_unique<SpreadModel>(options, group);
}

bool is_rank_0() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank == 0;
}

ContractCase spread_case() {
  Eigen::VectorXd mean(6);
  mean << -6.0, -0.5, 0.0, -1.0, 0.5, 0.5;
  Eigen::VectorXd std(6);
  std << 0.5, 0.3, 0.3, 0.5, 0.15, 0.15;
  return {.name = "Spread",
          .make = [](MPI_Comm group) { return make_spread(8, 10, group); },
          .prior_mean = mean,
          .prior_std = std,
          .must_not_succeed = [](double) { return true; },
          .num_live_objects = num_petsc_objects};
}

INSTANTIATE_TEST_SUITE_P(CouplePetsc, ModelContract, ::testing::Values(spread_case()), case_name);

Eigen::VectorXd some_parameters() {
  Eigen::VectorXd parameters(6);
  parameters << -6.2, -0.3, 0.1, -1.2, 0.36, 0.62;
  return parameters;
}

Eigen::MatrixXd some_weights() {
  return Eigen::MatrixXd::NullaryExpr(45, 3, [](Eigen::Index i, Eigen::Index j) {
    return std::sin(static_cast<double>(2 * i + 5 * j));
  });
}

TEST(SpreadModel, GivesTheAdjointProductsOfDifferencesForEveryParameter) {
  const auto model = make_spread(16, 20, MPI_COMM_WORLD);
  ModelRequest request(some_parameters());
  request.weights = some_weights();
  constexpr double step = 1e-5;

  const ModelResult result = model->evaluate(request);

  ASSERT_TRUE(result.is_ok()) << result.message;
  for (Eigen::Index i = 0; i < 6; ++i) {
    const Eigen::VectorXd shift = step * Eigen::VectorXd::Unit(6, i);
    const ModelResult ahead = model->evaluate(Eigen::VectorXd(some_parameters() + shift));
    const ModelResult behind = model->evaluate(Eigen::VectorXd(some_parameters() - shift));
    if (is_rank_0()) {
      const Eigen::VectorXd slope = (ahead.qois - behind.qois) / (2 * step);
      const Eigen::VectorXd expected = some_weights().transpose() * slope;
      EXPECT_LE((result.vector_jacobians.row(i).transpose() - expected).norm(),
                1e-7 * slope.norm() * some_weights().norm())
          << "parameter " << i;
    }
  }
}

TEST(SpreadModel, KeepsNothingOfTheDerivativesOfTheRunBefore) {
  const auto model = make_spread(8, 10, MPI_COMM_WORLD);
  ModelRequest request(some_parameters());
  const ModelResult plain = model->evaluate(request);
  request.weights = some_weights();
  const ModelResult first = model->evaluate(request);
  const long num_objects = num_petsc_objects();

  for (int i = 0; i < 20; ++i) {
    const ModelResult again = model->evaluate(request);
    EXPECT_EQ(again.qois, plain.qois);
    EXPECT_EQ(again.vector_jacobians, first.vector_jacobians);
  }
  request.weights.resize(0, 0);
  const ModelResult last = model->evaluate(request);

  EXPECT_EQ(num_petsc_objects(), num_objects);
  EXPECT_EQ(last.vector_jacobians.size(), 0);
  EXPECT_EQ(last.qois, plain.qois);
}

TEST(SpreadModel, ReadsWhatTheSimulationReadsThatItWas) {
  const auto model = make_spread(16, 20, MPI_COMM_SELF);
  const Eigen::VectorXd qois = model->evaluate(some_parameters()).qois;

  if (is_rank_0()) {
    const test::ProgramResult program =
        test::run_shell(std::string(INVAR_BINARY_DIR) +
                        "/tests/spread -n 16 -steps 20 -parameters -6.2,-0.3,0.1,-1.2,0.36,0.62");
    ASSERT_EQ(program.exit_code, 0) << program.err;
    std::istringstream readings(program.out);
    for (Eigen::Index i = 0; i < 45; ++i) {
      std::string reading;
      readings >> reading;
      EXPECT_EQ(std::strtod(reading.c_str(), nullptr), qois[i]) << "reading " << i;
    }
  }
}

}  // namespace
}  // namespace invar::model
