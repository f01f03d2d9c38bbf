#include "invar/model_petsc/lotka_volterra.hpp"

#include <cmath>
#include <limits>
#include <string>

#include <mpi.h>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "support/petsc_environment.hpp"

namespace invar::model_petsc {
namespace {

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

/// The posterior mean of jobs/lynx-hare/reference.json, rounded.
Eigen::VectorXd lynx_hare_parameters() {
  Eigen::VectorXd x(6);
  x << -0.5972, -3.5833, -0.2418, -3.7533, 3.5263, 1.7838;
  return x;
}

LotkaVolterraOptions twenty_one_years() {
  LotkaVolterraOptions options;
  options.times = Eigen::VectorXd::LinSpaced(21, 0.0, 20.0);
  return options;
}

/// dp/dt = alpha - beta e^q, dq/dt = -gamma + delta e^p, written independently of the model.
Eigen::Vector2d derivative(const Eigen::VectorXd& x, const Eigen::Vector2d& pq) {
  return {std::exp(x[0]) - std::exp(x[1] + pq[1]), -std::exp(x[2]) + std::exp(x[3] + pq[0])};
}

/// Runge's and Kutta's fourth-order method with 2,000 steps a year: its error is about 1e-13.
Eigen::VectorXd fine_integration(const Eigen::VectorXd& x, int num_years) {
  constexpr int steps_per_year = 2000;
  constexpr double h = 1.0 / steps_per_year;
  Eigen::Vector2d pq = x.tail<2>();
  Eigen::VectorXd qois(2 * (num_years + 1));
  qois.head<2>() = pq;
  for (int year = 1; year <= num_years; ++year) {
    for (int step = 0; step < steps_per_year; ++step) {
      const Eigen::Vector2d k1 = derivative(x, pq);
      const Eigen::Vector2d k2 = derivative(x, pq + h / 2 * k1);
      const Eigen::Vector2d k3 = derivative(x, pq + h / 2 * k2);
      const Eigen::Vector2d k4 = derivative(x, pq + h * k3);
      pq += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
    qois.segment<2>(2 * year) = pq;
  }
  return qois;
}

TEST(LotkaVolterraModel, AgreesWithAFineIntegrationAtThePosteriorMean) {
  const auto model = make_lotka_volterra_model(twenty_one_years(), MPI_COMM_SELF);
  const Eigen::VectorXd x = lynx_hare_parameters();

  const model::ModelResult result = model->evaluate(x);

  ASSERT_TRUE(result.is_ok()) << result.message;
  EXPECT_LE((result.qois - fine_integration(x, 20)).lpNorm<Eigen::Infinity>(), 1e-8);
}

TEST(LotkaVolterraModel, IsAsAccurateOverThePrior) {
  const auto model = make_lotka_volterra_model(twenty_one_years(), MPI_COMM_SELF);
  Eigen::VectorXd mean(6);
  mean << 0.0, std::log(0.05), 0.0, std::log(0.05), std::log(10.0), std::log(10.0);
  Eigen::VectorXd std(6);
  std << 0.5, 1.0, 0.5, 1.0, 1.0, 1.0;

  for (int which = 0; which < 12; ++which) {
    Eigen::VectorXd x = mean;
    for (Eigen::Index i = 0; i < 6; ++i) {
      x[i] += 1.5 * std[i] * std::sin(7.0 * which + 2.0 * static_cast<double>(i));
    }

    const model::ModelResult result = model->evaluate(x);

    ASSERT_TRUE(result.is_ok()) << result.message;
    EXPECT_LE((result.qois - fine_integration(x, 20)).lpNorm<Eigen::Infinity>(), 5e-8)
        << "point " << which;
  }
}

TEST(LotkaVolterraModel, ConservesItsInvariant) {
  const auto model = make_lotka_volterra_model(twenty_one_years(), MPI_COMM_SELF);
  const Eigen::VectorXd x = lynx_hare_parameters();
  const Eigen::Vector4d rates = x.head<4>().array().exp();
  // V = delta u - gamma log u + beta v - alpha log v
  const auto invariant = [&rates](double p, double q) {
    return rates[3] * std::exp(p) - rates[2] * p + rates[1] * std::exp(q) - rates[0] * q;
  };

  const model::ModelResult result = model->evaluate(x);

  ASSERT_TRUE(result.is_ok()) << result.message;
  for (Eigen::Index i = 0; i < 21; ++i) {
    EXPECT_NEAR(invariant(result.qois[2 * i], result.qois[2 * i + 1]), invariant(x[4], x[5]), 1e-8);
  }
}

TEST(LotkaVolterraModel, StaysAtItsEquilibrium) {
  const auto model = make_lotka_volterra_model(twenty_one_years(), MPI_COMM_SELF);
  Eigen::VectorXd x(6);
  x << -0.5, -3.0, -0.2, -3.5, -0.2 + 3.5, -0.5 + 3.0;  // u = gamma/delta, v = alpha/beta

  const model::ModelResult result = model->evaluate(x);

  ASSERT_TRUE(result.is_ok()) << result.message;
  for (Eigen::Index i = 0; i < 21; ++i) {
    EXPECT_NEAR(result.qois[2 * i], 3.3, 1e-12);
    EXPECT_NEAR(result.qois[2 * i + 1], 2.5, 1e-12);
  }
}

TEST(LotkaVolterraModel, ErrsLessWithASmallerTolerance) {
  const Eigen::VectorXd x = lynx_hare_parameters();
  const Eigen::VectorXd exact = fine_integration(x, 20);
  LotkaVolterraOptions options = twenty_one_years();
  const auto error_at = [&](double tolerance) {
    options.tolerance = tolerance;
    return (make_lotka_volterra_model(options, MPI_COMM_SELF)->evaluate(x).qois - exact)
        .lpNorm<Eigen::Infinity>();
  };

  EXPECT_GT(error_at(1e-5), 1e-7);
  EXPECT_LT(error_at(1e-5), 1e-4);
  EXPECT_LT(error_at(1e-8), 1e-6);
  EXPECT_LT(error_at(1e-12), 1e-10);
}

TEST(LotkaVolterraModel, AnswersAtAnyTimes) {
  LotkaVolterraOptions options;
  options.times = Eigen::Vector4d(0.0, 3.0, 3.0 + 1e-9, 7.0);
  const auto model = make_lotka_volterra_model(options, MPI_COMM_SELF);
  const Eigen::VectorXd x = lynx_hare_parameters();
  const Eigen::VectorXd yearly = fine_integration(x, 7);

  const model::ModelResult result = model->evaluate(x);

  ASSERT_TRUE(result.is_ok()) << result.message;
  const Eigen::Vector2d slope = derivative(x, yearly.segment<2>(6));
  EXPECT_EQ(result.qois.head<2>(), x.tail<2>());
  EXPECT_LE((result.qois.segment<2>(2) - yearly.segment<2>(6)).norm(), 1e-8);
  EXPECT_LE((result.qois.segment<2>(4) - result.qois.segment<2>(2) - 1e-9 * slope).norm(), 1e-14);
  EXPECT_LE((result.qois.segment<2>(6) - yearly.segment<2>(14)).norm(), 1e-8);
}

TEST(LotkaVolterraModel, FailsWhenStepsRunOut) {
  LotkaVolterraOptions options = twenty_one_years();
  options.max_steps = 10;
  const auto model = make_lotka_volterra_model(options, MPI_COMM_SELF);

  const model::ModelResult result = model->evaluate(lynx_hare_parameters());

  EXPECT_FALSE(result.is_ok());
  EXPECT_NE(result.message.find("max_steps = 10 is not enough"), std::string::npos)
      << result.message;
}

TEST(LotkaVolterraModel, FailsWhenARateIsInfinite) {
  const auto model = make_lotka_volterra_model(twenty_one_years(), MPI_COMM_SELF);
  Eigen::VectorXd x = lynx_hare_parameters();
  x[2] = 1000.0;

  const model::ModelResult result = model->evaluate(x);

  EXPECT_FALSE(result.is_ok());
  EXPECT_EQ(result.message, "a rate is not a finite number");
}

TEST(LotkaVolterraModel, FailsWhenTheStateLeavesTheRangeOfDoubles) {
  const auto model = make_lotka_volterra_model(twenty_one_years(), MPI_COMM_SELF);
  Eigen::VectorXd x = lynx_hare_parameters();
  x[4] = 1000.0;

  const model::ModelResult result = model->evaluate(x);

  EXPECT_FALSE(result.is_ok());
  EXPECT_NE(result.message.find("the integration stopped at t = 0 of 1"), std::string::npos)
      << result.message;
}

TEST(LotkaVolterraModel, RefusesToBeMadeWithoutTimes) {
  EXPECT_THROW(make_lotka_volterra_model({}, MPI_COMM_SELF), Error);
}

TEST(LotkaVolterraModel, RefusesToBeMadeWithOptionsThatDoNotFit) {
  LotkaVolterraOptions options;
  options.times = Eigen::Vector2d(2.0, 1.0);

  EXPECT_THROW(make_lotka_volterra_model(options, MPI_COMM_SELF), Error);
}

}  // namespace
}  // namespace invar::model_petsc
