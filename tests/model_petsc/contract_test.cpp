#include <petsclog.h>
#include <petscsys.h>

#include "invar/model_petsc/linear.hpp"
#include "invar/model_petsc/lotka_volterra.hpp"
#include "invar/model_petsc/poisson.hpp"
#include "invar/petsc/check.hpp"
#include "model/model_contract.hpp"
#include "support/petsc_environment.hpp"

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

ContractCase linear_case() {
  model_petsc::LinearOptions options;
  options.matrix = Eigen::MatrixXd::NullaryExpr(7, 4, [](Eigen::Index i, Eigen::Index j) {
    return 10.0 + std::cos(static_cast<double>(3 * i + j));
  });
  options.offset = Eigen::VectorXd::LinSpaced(7, -1.0, 1.0);
  return {
      .name = "Linear",
      .make = [options](MPI_Comm group) { return model_petsc::make_linear_model(options, group); },
      .prior_mean = Eigen::Vector4d(0.5, -1.0, 2.0, 0.0),
      .prior_std = Eigen::VectorXd::Ones(4),
      .must_not_succeed = [](double value) { return !(std::abs(value) <= 1e3); },
      .num_live_objects = num_petsc_objects};
}

ContractCase lotka_volterra_case() {
  model_petsc::LotkaVolterraOptions options;
  options.times = Eigen::VectorXd::LinSpaced(5, 0.0, 4.0);
  Eigen::VectorXd mean(6);
  mean << 0.0, -2.996, 0.0, -2.996, 2.303, 2.303;
  Eigen::VectorXd std(6);
  std << 0.5, 1.0, 0.5, 1.0, 1.0, 1.0;
  return {.name = "LotkaVolterra",
          .make =
              [options](MPI_Comm group) {
                return model_petsc::make_lotka_volterra_model(options, group);
              },
          .prior_mean = mean,
          .prior_std = std,
          // Rates of exp(-1000) are zero: nothing lives, nothing moves, and all is finite.
          .must_not_succeed = [](double value) { return !(value <= 0.0) || std::isinf(value); },
          .num_live_objects = num_petsc_objects};
}

ContractCase poisson_case(const std::string& name, const model_petsc::PoissonOptions& options) {
  const auto num_blocks = static_cast<Eigen::Index>(options.k) * options.k;
  return {
      .name = name,
      .make = [options](MPI_Comm group) { return model_petsc::make_poisson_model(options, group); },
      .prior_mean = Eigen::VectorXd::Constant(num_blocks, 4.0),
      .prior_std = Eigen::VectorXd::Constant(num_blocks, 2.0),
      .must_not_succeed = [](double) { return true; },
      .num_live_objects = num_petsc_objects};
}

INSTANTIATE_TEST_SUITE_P(BuiltIn, ModelContract,
                         ::testing::Values(linear_case(), lotka_volterra_case(),
                                           // The Jacobian by columns, and by rows.
                                           poisson_case("Poisson",
                                                        {.n = 8, .k = 4, .points_per_side = 5}),
                                           poisson_case("PoissonSeenAtFewPoints",
                                                        {.n = 8, .k = 4, .points_per_side = 3})),
                         case_name);

}  // namespace
}  // namespace invar::model
