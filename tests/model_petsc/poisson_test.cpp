#include "invar/model_petsc/poisson.hpp"

#include <cmath>
#include <fstream>
#include <iterator>
#include <numbers>
#include <string>
#include <vector>

#include <mpi.h>
#include <petsclog.h>
#include <petscsys.h>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/petsc/check.hpp"
#include "support/petsc_environment.hpp"

namespace invar::model_petsc {
namespace {

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

bool is_rank_0() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank == 0;
}

Eigen::VectorXd numbers_of(const std::string& file) {
  std::ifstream in(std::string(INVAR_TEST_DATA_DIR) + "/poisson64/" + file);
  const std::vector<double> values{std::istream_iterator<double>(in),
                                   std::istream_iterator<double>()};
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

/// Series of the solution of -div grad u = 1, to about 1e-8.
double torsion_series(double x, double y) {
  constexpr double pi = std::numbers::pi;
  double u = x * (1.0 - x) / 2.0;
  for (int k = 1; k < 400; k += 2) {
    const double w = k * pi;
    u -= 4.0 / (w * w * w) * std::sin(w * x) * (std::exp(-w * y) + std::exp(-w * (1.0 - y))) /
         (1.0 + std::exp(-w));
  }
  return u;
}

Error error_of(const PoissonOptions& options) {
  try {
    make_poisson_model(options, MPI_COMM_WORLD);
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::usage, "nothing was wrong");
}

TEST(PoissonModel, ReproducesThePublishedPairs) {
  const auto model = make_poisson_model({}, MPI_COMM_WORLD);
  const Eigen::VectorXd measured = numbers_of("z_hat.txt");
  ASSERT_EQ(measured.size(), 169);

  for (int pair = 0; pair < 10; ++pair) {
    const std::string k = std::to_string(pair);
    const Eigen::VectorXd theta = numbers_of("input." + k + ".txt");
    const Eigen::VectorXd published = numbers_of("output." + k + ".z.txt");
    const double log_likelihood = numbers_of("output." + k + ".loglikelihood.txt")[0];

    const model::ModelResult result = model->evaluate(theta.array().log());

    ASSERT_TRUE(result.is_ok()) << result.message;
    if (is_rank_0()) {
      EXPECT_LE((result.qois - published).lpNorm<Eigen::Infinity>(),
                1e-9 * published.lpNorm<Eigen::Infinity>())
          << "pair " << pair;
      // 12 digits are published.
      EXPECT_NEAR(-(result.qois - measured).squaredNorm() / (2 * 0.05 * 0.05), log_likelihood,
                  1e-9 * std::abs(log_likelihood))
          << "pair " << pair;
    }
  }
}

TEST(PoissonModel, ConvergesToTheSolutionOfTheUnitSquareWithTheSquareOfTheMeshSize) {
  Eigen::Matrix2Xd points(2, 3);
  points << 0.5, 0.25, 0.75, 0.5, 0.5, 0.125;
  Eigen::Vector3d exact;
  for (Eigen::Index p = 0; p < 3; ++p) {
    exact[p] = 10.0 * torsion_series(points(0, p), points(1, p));
  }
  EXPECT_NEAR(exact[0], 0.736713532814, 1e-9);  // 10 times the known value at the centre
  const auto error_at = [&](int n) {
    const auto model = make_poisson_model({.n = n, .k = 1, .points = points}, MPI_COMM_WORLD);
    const model::ModelResult result = model->evaluate(Eigen::VectorXd::Zero(1));
    return is_rank_0() ? (result.qois - exact).lpNorm<Eigen::Infinity>() : 0.0;
  };

  const double coarse = error_at(16);
  const double middle = error_at(32);
  const double fine = error_at(64);

  if (is_rank_0()) {
    EXPECT_NEAR(coarse / middle, 4.0, 0.2);
    EXPECT_NEAR(middle / fine, 4.0, 0.1);
    EXPECT_LT(fine, 5e-4);
  }
}

TEST(PoissonModel, ScalesWithTheInverseOfTheCoefficient) {
  const auto model = make_poisson_model({.n = 8, .k = 2}, MPI_COMM_WORLD);
  const Eigen::Vector4d x(0.3, -1.0, 2.0, 0.1);

  const model::ModelResult once = model->evaluate(x);
  const model::ModelResult twice = model->evaluate(x.array() + 3.0);

  if (is_rank_0()) {
    EXPECT_LE((std::exp(-3.0) * once.qois - twice.qois).norm(), 1e-12 * twice.qois.norm());
  }
}

TEST(PoissonModel, CountsBlocksAlongXFirst) {
  Eigen::Matrix2Xd points(2, 4);
  points << 0.25, 0.75, 0.25, 0.75, 0.25, 0.25, 0.75, 0.75;  // one per block, x first
  const auto model = make_poisson_model({.n = 8, .k = 2, .points = points}, MPI_COMM_WORLD);

  for (Eigen::Index block = 0; block < 4; ++block) {
    Eigen::VectorXd x = Eigen::VectorXd::Zero(4);
    x[block] = 3.0;  // stiffer: u is smaller there

    const model::ModelResult result = model->evaluate(x);

    if (is_rank_0()) {
      Eigen::Index smallest = -1;
      result.qois.minCoeff(&smallest);
      EXPECT_EQ(smallest, block);
    }
  }
}

TEST(PoissonModel, IsSymmetricUnderTranspositionOfTheBlocks) {
  const auto model = make_poisson_model({.n = 12, .k = 3, .points_per_side = 6}, MPI_COMM_WORLD);
  const Eigen::MatrixXd blocks =
      Eigen::MatrixXd::NullaryExpr(3, 3, [](Eigen::Index i, Eigen::Index j) {
        return std::sin(3.0 * static_cast<double>(i) + static_cast<double>(j));
      });
  const Eigen::MatrixXd transposed = blocks.transpose();

  const model::ModelResult a = model->evaluate(blocks.reshaped());
  const model::ModelResult b = model->evaluate(transposed.reshaped());

  if (is_rank_0()) {
    const Eigen::MatrixXd difference = a.qois.reshaped(6, 6).transpose() - b.qois.reshaped(6, 6);
    EXPECT_LE(difference.norm(), 1e-12 * a.qois.norm());
  }
}

model::ModelRequest all_derivatives(const Eigen::VectorXd& at, Eigen::Index num_qois) {
  model::ModelRequest request(at);
  request.wants_jacobian = true;
  request.directions = Eigen::MatrixXd::NullaryExpr(
      at.size(), 3, [](Eigen::Index i, Eigen::Index j) { return std::sin(double(5 * i + j)); });
  request.weights = Eigen::MatrixXd::NullaryExpr(
      num_qois, 2, [](Eigen::Index i, Eigen::Index j) { return std::cos(double(3 * i + 7 * j)); });
  return request;
}

TEST(PoissonModel, GivesDerivativesThatFitEachOtherHoweverTheyAreMade) {
  // 9 blocks: more points than blocks, and fewer.
  for (const int points_per_side : {4, 2}) {
    const auto model =
        make_poisson_model({.n = 24, .k = 3, .points_per_side = points_per_side}, MPI_COMM_WORLD);
    const Eigen::VectorXd x = Eigen::VectorXd::LinSpaced(9, -1.0, 3.0);
    model::ModelRequest request = all_derivatives(x, model->num_qois());

    const model::ModelResult with_jacobian = model->evaluate(request);
    request.wants_jacobian = false;
    const model::ModelResult products = model->evaluate(request);

    ASSERT_TRUE(with_jacobian.is_ok() && products.is_ok()) << with_jacobian.message;
    if (is_rank_0()) {
      const Eigen::MatrixXd& jacobian = with_jacobian.jacobian;
      const double scale = jacobian.norm();
      // u is proportional to 1/a: along (1, ..., 1) it changes by -u.
      EXPECT_LE((jacobian.rowwise().sum() + products.qois).norm(), 1e-11 * scale);
      EXPECT_EQ(with_jacobian.qois, products.qois);
      EXPECT_EQ(products.jacobian.size(), 0);
      EXPECT_LE((jacobian * request.directions - products.jacobian_vectors).norm(), 1e-11 * scale);
      EXPECT_LE((jacobian.transpose() * request.weights - products.vector_jacobians).norm(),
                1e-11 * scale);
      EXPECT_EQ(with_jacobian.jacobian_vectors, jacobian * request.directions);
      EXPECT_EQ(with_jacobian.vector_jacobians, jacobian.transpose() * request.weights);
    }
  }
}

/// How often PETSc did something since it began to count.
int num_events(const char* name) {
  PetscLogEvent event = -1;
  petsc::check(PetscLogEventGetId(name, &event));
  PetscEventPerfInfo info;
  petsc::check(PetscLogEventGetPerfInfo(0, event, &info));
  return info.count;
}

TEST(PoissonModel, FactorsOncePerRunAndSolvesOncePerProduct) {
  petsc::check(PetscLogDefaultBegin());
  // Without a solver within the solver, KSPSolve counts what is told here.
  const char* const plain = "-pc_type jacobi";
  const auto few_points = make_poisson_model(
      {.n = 12, .k = 3, .points_per_side = 2, .petsc_options = plain}, MPI_COMM_WORLD);
  const auto many_points = make_poisson_model(
      {.n = 12, .k = 3, .points_per_side = 4, .petsc_options = plain}, MPI_COMM_WORLD);
  const auto usual = make_poisson_model({.n = 12, .k = 3, .points_per_side = 4}, MPI_COMM_WORLD);
  const Eigen::VectorXd x = Eigen::VectorXd::LinSpaced(9, -1.0, 3.0);
  const auto num_solves = [](model::Model& model, const model::ModelRequest& request) {
    const int before = num_events("KSPSolve");
    EXPECT_TRUE(model.evaluate(request).is_ok());
    return num_events("KSPSolve") - before;
  };
  model::ModelRequest products = all_derivatives(x, 4);
  products.wants_jacobian = false;
  const int num_factorisations = num_events("MatCholFctrNum");

  EXPECT_EQ(num_solves(*few_points, x), 1);
  EXPECT_EQ(num_solves(*few_points, products), 1 + 3 + 2);
  EXPECT_EQ(num_solves(*few_points, all_derivatives(x, 4)), 1 + 4);
  EXPECT_EQ(num_solves(*many_points, all_derivatives(x, 16)), 1 + 9);
  EXPECT_EQ(num_events("MatCholFctrNum"), num_factorisations);
  EXPECT_TRUE(usual->evaluate(all_derivatives(x, 16)).is_ok());
  EXPECT_EQ(num_events("MatCholFctrNum"), num_factorisations + 1);
}

TEST(PoissonModel, FailsWhereTheSolverFailsForADerivativeAlone) {
  // As many iterations as a = 1 needs, and no more: a load at a point needs others.
  const auto options = [](int num_iterations) {
    return PoissonOptions{
        .n = 16,
        .k = 1,
        .points_per_side = 3,
        .petsc_options = "-pc_type jacobi -ksp_max_it " + std::to_string(num_iterations)};
  };
  int enough = 1;
  while (error_of(options(enough)).kind() == ErrorKind::config && enough < 1000) {
    ++enough;
  }
  const auto model = make_poisson_model(options(enough), MPI_COMM_WORLD);
  model::ModelRequest request(Eigen::VectorXd::Zero(1));
  const Eigen::VectorXd before = model->evaluate(request).qois;
  request.weights = Eigen::VectorXd::LinSpaced(9, -1.0, 2.0);

  const model::ModelResult result = model->evaluate(request);

  EXPECT_EQ(result.status, Status::model_failed);
  EXPECT_EQ(result.message, "for a derivative, the linear solver gave up after " +
                                std::to_string(enough) + " iterations: DIVERGED_ITS");
  request.weights.resize(0, 0);
  EXPECT_EQ(model->evaluate(request).qois, before);
}

TEST(PoissonModel, InterpolatesOnNodesOnLinesAndOnTheBoundary) {
  // On a grid of 4 x 4 elements: a node, the middle of an edge, of an element, and the boundary.
  Eigen::Matrix2Xd points(2, 9);
  points << 0.25, 0.5, 0.375, 0.375, 0.0, 1.0, 0.3, 1.0, 0.9,  //
      0.5, 0.5, 0.5, 0.375, 0.4, 0.4, 1.0, 1.0, 0.25;
  Eigen::Matrix2Xd nodes(2, 4);
  nodes << 0.25, 0.5, 0.25, 0.75, 0.25, 0.25, 0.5, 0.25;
  const auto at_points = make_poisson_model({.n = 4, .k = 2, .points = points}, MPI_COMM_WORLD);
  const auto at_nodes = make_poisson_model({.n = 4, .k = 2, .points = nodes}, MPI_COMM_WORLD);
  const Eigen::Vector4d x(0.3, -1.0, 2.0, 0.1);

  const Eigen::VectorXd u = at_points->evaluate(x).qois;
  const Eigen::VectorXd node = at_nodes->evaluate(x).qois;

  if (is_rank_0()) {
    EXPECT_DOUBLE_EQ(u[0], node[2]);
    EXPECT_DOUBLE_EQ(u[2], (u[0] + u[1]) / 2);
    EXPECT_DOUBLE_EQ(u[3], (node[0] + node[1] + u[0] + u[1]) / 4);
    EXPECT_EQ(u.segment(4, 4), Eigen::VectorXd::Zero(4));
    EXPECT_NEAR(u[8], 0.4 * node[3], 1e-15);  // 0.6 of an element from 0.75 to the boundary
  }
}

TEST(PoissonModel, HasNothingToSolveWithoutASource) {
  const auto model = make_poisson_model({.n = 4, .k = 2, .source = 0.0}, MPI_COMM_WORLD);

  const model::ModelResult result = model->evaluate(Eigen::VectorXd::Zero(4));

  ASSERT_TRUE(result.is_ok()) << result.message;
  EXPECT_TRUE((result.qois.array() == 0.0).all());
}

TEST(PoissonModel, KeepsItsAccuracyForVerySmallAndVeryLargeCoefficients) {
  const auto model = make_poisson_model({.n = 8, .k = 2}, MPI_COMM_WORLD);
  const Eigen::VectorXd usual = model->evaluate(Eigen::VectorXd::Zero(4)).qois;

  for (const double log_a : {-300.0, -35.0, 300.0}) {
    const model::ModelResult result = model->evaluate(Eigen::VectorXd::Constant(4, log_a));

    ASSERT_TRUE(result.is_ok()) << result.message;
    if (is_rank_0()) {
      EXPECT_LE((result.qois * std::exp(log_a) - usual).norm(), 1e-10 * usual.norm());
    }
  }
}

TEST(PoissonModel, FailsWhenACoefficientIsOutOfRange) {
  const auto model = make_poisson_model({.n = 4, .k = 2}, MPI_COMM_WORLD);

  const model::ModelResult result = model->evaluate(Eigen::Vector4d(0.0, 1000.0, 0.0, 0.0));

  EXPECT_FALSE(result.is_ok());
  EXPECT_EQ(result.message, "the coefficient exp(1000) of block 1 is out of range");
}

TEST(PoissonModel, FailsWithTheReasonWhenTheSolverDoesNotConverge) {
  const auto model = make_poisson_model(
      {.n = 16, .k = 4, .petsc_options = "-pc_type jacobi -ksp_max_it 40"}, MPI_COMM_WORLD);
  Eigen::VectorXd x = Eigen::VectorXd::LinSpaced(16, -6.0, 6.0);

  const model::ModelResult result = model->evaluate(x);

  EXPECT_FALSE(result.is_ok());
  EXPECT_EQ(result.message, "the linear solver gave up after 40 iterations: DIVERGED_ITS");
}

TEST(PoissonModel, TakesItsSolverFromPetscOptions) {
  for (const char* const options :
       {"-ksp_type gmres -pc_type jacobi -ksp_max_it 2000", "-pc_type gamg",
        "-ksp_type minres -pc_type none -ksp_max_it 2000", "-ksp_type gmres -pc_type asm"}) {
    const auto usual = make_poisson_model({.n = 8, .k = 2}, MPI_COMM_WORLD);
    const auto other =
        make_poisson_model({.n = 8, .k = 2, .petsc_options = options}, MPI_COMM_WORLD);
    const Eigen::Vector4d x(0.3, -1.0, 2.0, 0.1);

    const model::ModelResult expected = usual->evaluate(x);
    const model::ModelResult result = other->evaluate(x);

    EXPECT_TRUE(result.is_ok()) << options << ": " << result.message;
    if (is_rank_0() && result.is_ok()) {
      EXPECT_LE((result.qois - expected.qois).norm(), 1e-9 * expected.qois.norm()) << options;
    }
  }
}

TEST(PoissonModel, GivesTheSameBitsAgainWithMultigrid) {
  const auto model = make_poisson_model({.petsc_options = "-pc_type gamg"}, MPI_COMM_WORLD);
  const Eigen::VectorXd first = Eigen::VectorXd::LinSpaced(64, 0.0, 8.0);
  const Eigen::VectorXd second = first.reverse();

  const Eigen::VectorXd before = model->evaluate(first).qois;
  model->evaluate(second);
  const Eigen::VectorXd after = model->evaluate(first).qois;

  EXPECT_EQ(before, after);
}

TEST(PoissonModel, ObeysTheCommandLineBeforeTheStudy) {
  for (const char* const name : {"-ksp_max_it", "-poisson_ksp_max_it"}) {
    petsc::check(PetscOptionsSetValue(nullptr, name, "1"));

    const Error error =
        error_of({.n = 16, .k = 4, .petsc_options = "-ksp_max_it 1000 -pc_type jacobi"});

    petsc::check(PetscOptionsClearValue(nullptr, name));
    EXPECT_EQ(error.kind(), ErrorKind::config) << name;
    EXPECT_STREQ(error.what(),
                 "`petsc_options`: for a = 1, the linear solver gave up after 1 iterations: "
                 "DIVERGED_ITS");
  }
}

TEST(PoissonModel, LeavesNoOptionsBehind) {
  char* before = nullptr;
  char* after = nullptr;
  petsc::check(PetscOptionsGetAll(nullptr, &before));

  make_poisson_model({.n = 4, .k = 2, .petsc_options = "-ksp_type gmres"}, MPI_COMM_WORLD);

  petsc::check(PetscOptionsGetAll(nullptr, &after));
  EXPECT_STREQ(after, before);
  petsc::check(PetscFree(before));
  petsc::check(PetscFree(after));
}

TEST(PoissonModel, RefusesOptionsThatPetscDoesNotUse) {
  const Error error = error_of({.n = 4, .k = 2, .petsc_options = "-ksp_tpye gmres -ksp_rtol 1e-9"});

  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_STREQ(error.what(),
               "`petsc_options`: PETSc did not use -ksp_tpye; check the spelling and the solver it "
               "belongs to");
}

TEST(PoissonModel, RefusesASolverThatPetscDoesNotHave) {
  const Error error = error_of({.n = 4, .k = 2, .petsc_options = "-ksp_type magic"});

  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_NE(std::string(error.what()).find("magic"), std::string::npos) << error.what();
}

TEST(PoissonModel, RefusesOptionsThatDoNotFit) {
  EXPECT_EQ(error_of({.n = 10, .k = 4}).kind(), ErrorKind::config);
}

}  // namespace
}  // namespace invar::model_petsc
