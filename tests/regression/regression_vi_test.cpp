#include "invar/regression/regression_vi.hpp"

#include <cmath>
#include <fstream>
#include <functional>
#include <memory>
#include <utility>

#include <Eigen/Dense>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;
using ::testing::Contains;
using ::testing::HasSubstr;

/// A model as a function, with its derivatives where it has them.
struct Problem {
  space::Space space;
  space::Observations observations;
  std::function<VectorXd(const VectorXd&)> model;
  std::function<MatrixXd(const VectorXd&)> jacobian = {};

  [[nodiscard]] method::BatchResult evaluate(const method::Batch& batch) const {
    method::BatchResult result;
    for (Index i = 0; i < batch.points.cols(); ++i) {
      method::Evaluation evaluation;
      evaluation.qois = model(batch.points.col(i));
      if (!evaluation.qois.allFinite()) {
        evaluation.status = method::Status::non_finite;
      } else if (batch.wanted_of(i).jacobian) {
        evaluation.derivatives.jacobian = jacobian(batch.points.col(i));
      }
      result.evaluations.push_back(std::move(evaluation));
    }
    return result;
  }

  [[nodiscard]] RegressionVi method(const RegressionViOptions& options) const {
    return {space, observations, options, std::nullopt, static_cast<bool>(jacobian)};
  }

  /// Runs to the end; gives the method.
  [[nodiscard]] std::unique_ptr<const RegressionVi> solve(
      const RegressionViOptions& options) const {
    auto method = std::make_unique<RegressionVi>(space, observations, options, std::nullopt,
                                                 static_cast<bool>(jacobian));
    while (method->stop_reason() == StopReason::none) {
      method->tell(evaluate(method->ask()));
    }
    return method;
  }
};

space::Space make_space(const space::Prior& prior, const space::Bounds& bounds) {
  space::Space space{.names = {}, .units = {}, .prior = prior, .bounds = bounds};
  for (Index j = 0; j < prior.dimension(); ++j) {
    space.names.push_back(fmt::format("p{}", j));
    space.units.emplace_back();
  }
  return space;
}

space::Space make_space(const VectorXd& mean, const VectorXd& std) {
  return make_space(space::Prior::diagonal(mean, std), space::Bounds::none(mean.size()));
}

Problem linear_problem(const MatrixXd& matrix, const VectorXd& values, const VectorXd& variances,
                       const VectorXd& prior_mean, const VectorXd& prior_std) {
  return {.space = make_space(prior_mean, prior_std),
          .observations = {.values = values, .noise = space::Noise::independent(variances)},
          .model = [matrix](const VectorXd& theta) -> VectorXd { return matrix * theta; }};
}

Gaussian linear_posterior(const MatrixXd& matrix, const Problem& problem) {
  const VectorXd weights = problem.observations.noise.variances().cwiseInverse();
  const VectorXd prior = problem.space.prior.std().cwiseAbs2().cwiseInverse();
  MatrixXd precision = matrix.transpose() * weights.asDiagonal() * matrix;
  precision.diagonal() += prior;
  const MatrixXd covariance = precision.inverse();
  return {.mean = covariance *
                  (matrix.transpose() * (weights.cwiseProduct(problem.observations.values)) +
                   prior.cwiseProduct(problem.space.prior.mean())),
          .lower = covariance.llt().matrixL()};
}

std::pair<Problem, MatrixXd> sine7() {
  std::ifstream file(INVAR_TEST_DATA_DIR "/run_vi_trajectories.json");
  const nlohmann::json all = nlohmann::json::parse(file);
  const nlohmann::json& sine = all["problems"]["sine7"];
  MatrixXd matrix(31, 7);
  VectorXd values(31);
  VectorXd variances(31);
  for (Index i = 0; i < 31; ++i) {
    const auto row = static_cast<std::size_t>(i);
    for (Index j = 0; j < 7; ++j) {
      matrix(i, j) = sine["model"]["matrix"][row][static_cast<std::size_t>(j)].get<double>();
    }
    values[i] = sine["observations"][row].get<double>();
    variances[i] = sine["observations_covariance"][row][row].get<double>();
  }
  return {linear_problem(matrix, values, variances, VectorXd::Zero(7), VectorXd::Constant(7, 0.75)),
          matrix};
}

/// A product of the first two parameters is measured besides the third; mildly nonlinear.
Problem curved() {
  const auto model = [](const VectorXd& p) -> VectorXd {
    return Eigen::Vector4d(p[0] + 0.3 * p[0] * p[1], p[1] + 0.1 * p[0] * p[0], std::exp(0.3 * p[2]),
                           p[0] - p[2]);
  };
  const auto jacobian = [](const VectorXd& p) -> MatrixXd {
    MatrixXd j(4, 3);
    j << 1.0 + 0.3 * p[1], 0.3 * p[0], 0.0, 0.2 * p[0], 1.0, 0.0, 0.0, 0.0,
        0.3 * std::exp(0.3 * p[2]), 1.0, 0.0, -1.0;
    return j;
  };
  return {.space = make_space(VectorXd::Zero(3), VectorXd::Ones(3)),
          .observations = {.values = Eigen::Vector4d(0.7, -0.4, 1.2, 0.1),
                           .noise = space::Noise::independent(VectorXd::Constant(4, 0.04))},
          .model = model,
          .jacobian = jacobian};
}

TEST(RegressionVi, FindsALinearProblemsPosteriorInFewRunsFromThePrior) {
  const auto [problem, matrix] = sine7();
  const Gaussian exact = linear_posterior(matrix, problem);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto method_solved = problem.solve({.random_seed = seed});
    const RegressionVi& method = *method_solved;
    EXPECT_EQ(method.stop_reason(), StopReason::accuracy);
    EXPECT_LE(method.num_evaluations(), 32);
    EXPECT_LE(kl_divergence(method.best(), exact), 1e-10) << "seed " << seed;
  }
}

TEST(RegressionVi, TheEvidenceOfALinearProblemIsItsElbo) {
  const auto [problem, matrix] = sine7();
  const auto method_solved = problem.solve({});
  const RegressionVi& method = *method_solved;
  const VectorXd& y = problem.observations.values;
  MatrixXd covariance = 0.5625 * matrix * matrix.transpose();
  covariance.diagonal() += problem.observations.noise.variances();
  const Eigen::LLT<MatrixXd> factor(covariance);
  const double log_evidence = -0.5 * y.dot(factor.solve(y)) -
                              factor.matrixLLT().diagonal().array().log().sum() -
                              0.5 * 31.0 * std::log(2.0 * std::acos(-1.0));
  const auto posterior = method.posterior();
  ASSERT_TRUE(posterior.has_value());
  EXPECT_NEAR(posterior->elbo, log_evidence, 1e-6);
  EXPECT_EQ(posterior->normalised_elbo, posterior->elbo);
}

TEST(RegressionVi, TwoHundredParametersTakeLessThanTwiceAsManyRuns) {
  // A smoothing operator whose singular values fall as 1 / k^2.
  const Index d = 200;
  const MatrixXd a = core::standard_normals({.seed = 5, .purpose = core::Purpose::test}, d, d);
  const MatrixXd basis = a.householderQr().householderQ();
  VectorXd values(d);
  for (Index k = 0; k < d; ++k) {
    values[k] = std::pow(static_cast<double>(k + 1), -2.0);
  }
  const MatrixXd matrix =
      (basis.leftCols(60).transpose() * values.asDiagonal()) * basis.transpose();
  const VectorXd truth = core::standard_normals({.seed = 6, .purpose = core::Purpose::test}, d, 1);
  const Problem problem = linear_problem(matrix, matrix * truth, VectorXd::Constant(60, 1e-6),
                                         VectorXd::Zero(d), VectorXd::Ones(d));
  const auto method_solved = problem.solve({});
  const RegressionVi& method = *method_solved;
  EXPECT_LE(method.num_evaluations(), 2 * d);
  EXPECT_LE(kl_divergence(method.best(), linear_posterior(matrix, problem)), 1e-6);
}

TEST(RegressionVi, OneBatchWithJacobiansIsEnoughForALinearProblem) {
  auto [problem, matrix] = sine7();
  problem.jacobian = [m = matrix](const VectorXd& /*theta*/) { return m; };
  const auto method_solved = problem.solve({});
  const RegressionVi& method = *method_solved;
  EXPECT_LE(method.num_evaluations(), 16);
  EXPECT_LE(kl_divergence(method.best(), linear_posterior(matrix, problem)), 1e-10);
}

TEST(RegressionVi, MeanFieldFindsItsOwnBestGaussian) {
  const auto [problem, matrix] = sine7();
  const auto method_solved = problem.solve({.family = Family::mean_field});
  const RegressionVi& method = *method_solved;
  const Gaussian exact = linear_posterior(matrix, problem);
  const VectorXd variances = exact.covariance().inverse().diagonal().cwiseInverse();
  EXPECT_LE(
      (method.best().mean - exact.mean).cwiseAbs().cwiseQuotient(variances.cwiseSqrt()).maxCoeff(),
      1e-5);
  EXPECT_LE(
      (method.best().std().cwiseAbs2().cwiseQuotient(variances).array() - 1.0).abs().maxCoeff(),
      1e-5);
}

/// Mean of the log joint over the Gaussian, and the entropy, by many points of their own.
double elbo_of(const Problem& problem, const Gaussian& q) {
  const MatrixXd z =
      core::standard_normals({.seed = 77, .purpose = core::Purpose::test}, q.dimension(), 20000);
  const MatrixXd x = q.points(z);
  const space::Likelihood likelihood(problem.observations, 0.0);
  MatrixXd qois(problem.observations.values.size(), x.cols());
  for (Index i = 0; i < x.cols(); ++i) {
    qois.col(i) = problem.model(x.col(i));
  }
  return likelihood.log_likelihood(qois).mean() + likelihood.log_normalisation() +
         problem.space.prior.log_density(x).mean() + q.entropy();
}

TEST(RegressionVi, StopsWithTheStatedAccuracyOnANonlinearProblem) {
  Problem problem = curved();
  const Problem with_jacobians = problem;
  problem.jacobian = nullptr;
  const Gaussian best =
      problem.solve({.random_seed = 9, .accuracy = 0.0, .max_evaluations = 2000})->best();
  for (const Problem& one : {problem, with_jacobians}) {
    const auto method_solved = one.solve({.accuracy = 0.05});
    const RegressionVi& method = *method_solved;
    EXPECT_EQ(method.stop_reason(), StopReason::accuracy);
    EXPECT_LE(method.num_evaluations(), 250);
    const Gaussian seen = seen_from(best, method.best());
    EXPECT_LE(seen.mean.cwiseAbs().maxCoeff(), 0.1);
    EXPECT_LE((seen.std().array() - 1.0).abs().maxCoeff(), 0.1);
    // 20,000 points know the difference to about 0.01.
    EXPECT_NEAR(elbo_of(problem, method.best()), elbo_of(problem, best), 0.02);
    EXPECT_NEAR(method.posterior()->elbo, elbo_of(problem, method.best()), 0.05);
  }
}

TEST(RegressionVi, NeverAsksForMoreRunsThanAllowed) {
  const auto solved = curved().solve({.accuracy = 0.0, .max_evaluations = 101});
  EXPECT_EQ(solved->stop_reason(), StopReason::max_evaluations);
  EXPECT_LE(solved->num_evaluations(), 101);
  EXPECT_GT(solved->num_evaluations(), 101 - 16);  // batches are asked whole
}

TEST(RegressionVi, AnswersFromTheFewRunsThatItMayMake) {
  Problem problem = curved();
  for (const int runs : {8, 9, 12, 20}) {
    const auto with_jacobians = problem.solve({.max_evaluations = runs});
    EXPECT_LE(with_jacobians->num_evaluations(), runs);
    ASSERT_TRUE(with_jacobians->posterior().has_value()) << runs;
    EXPECT_TRUE(std::isfinite(with_jacobians->posterior()->elbo)) << runs;
  }
  problem.jacobian = nullptr;
  for (const int runs : {2, 5, 10, 20}) {
    const auto without = problem.solve({.max_evaluations = runs});
    EXPECT_LE(without->num_evaluations(), runs);
    ASSERT_TRUE(without->posterior().has_value()) << runs;
    EXPECT_TRUE(std::isfinite(without->posterior()->elbo)) << runs;
  }
}

TEST(RegressionVi, TheSameStateAsksTheSameBatch) {
  const Problem problem = curved();
  RegressionVi method = problem.method({});
  for (int round = 0; method.stop_reason() == StopReason::none; ++round) {
    const method::Batch first = method.ask();
    EXPECT_EQ(first.points, method.ask().points);
    EXPECT_EQ(first.round, round);
    EXPECT_EQ(first.first_id, method.num_evaluations());
    method.tell(problem.evaluate(first));
  }
}

class RestoredAfterEveryRound : public ::testing::TestWithParam<std::pair<bool, bool>> {};

TEST_P(RestoredAfterEveryRound, ContinuesToTheBit) {
  const auto [has_jacobians, has_bounds] = GetParam();
  Problem problem = curved();
  if (!has_jacobians) {
    problem.jacobian = nullptr;
  }
  if (has_bounds) {
    problem.space = make_space(
        space::Prior::diagonal(VectorXd::Zero(3), VectorXd::Ones(3)),
        space::Bounds(Eigen::Vector3d(-2.0, -HUGE_VAL, -3.0), Eigen::Vector3d(2.0, 4.0, HUGE_VAL)));
  }
  // Every seventh run fails.
  int count = 0;
  const auto answer = [&](const method::Batch& batch) {
    method::BatchResult result = problem.evaluate(batch);
    for (method::Evaluation& evaluation : result.evaluations) {
      if (++count % 7 == 0) {
        evaluation = {};
        evaluation.status = method::Status::crashed;
      }
    }
    return result;
  };
  const RegressionViOptions options{.accuracy = 0.01, .max_evaluations = 150};
  RegressionVi method = problem.method(options);
  method::RecordedRounds told;
  while (method.stop_reason() == StopReason::none) {
    RegressionVi restored = problem.method(options);
    restored.recall(told);
    restored.restore(method.state());
    const method::Batch batch = method.ask();
    const method::Batch again = restored.ask();
    ASSERT_EQ(batch.points, again.points) << "round " << batch.round;
    const method::BatchResult result = answer(batch);
    method.tell(result);
    restored.tell(result);
    ASSERT_EQ(method.state().values(), restored.state().values()) << "round " << batch.round;
    told[batch.round] = result;
  }
  RegressionVi restored = problem.method(options);
  restored.recall(told);
  restored.restore(method.state());
  EXPECT_EQ(restored.stop_reason(), method.stop_reason());
  EXPECT_EQ(restored.posterior()->samples, method.posterior()->samples);
  EXPECT_EQ(restored.posterior()->weights, method.posterior()->weights);
  EXPECT_EQ(restored.posterior()->findings, method.posterior()->findings);
}

INSTANTIATE_TEST_SUITE_P(RegressionVi, RestoredAfterEveryRound,
                         ::testing::Values(std::pair(false, false), std::pair(true, false),
                                           std::pair(false, true), std::pair(true, true)));

TEST(RegressionVi, GoesOnWhenItsLimitIsRaised) {
  const Problem problem = curved();
  const auto stopped_solved = problem.solve({.accuracy = 0.0, .max_evaluations = 60});
  const RegressionVi& stopped = *stopped_solved;
  const auto whole_solved = problem.solve({.accuracy = 0.0, .max_evaluations = 60});
  const RegressionVi& whole = *whole_solved;
  EXPECT_EQ(stopped.state().values(), whole.state().values());
  RegressionVi raised = problem.method({.accuracy = 0.0, .max_evaluations = 100});
  method::RecordedRounds told;
  RegressionVi again = problem.method({.accuracy = 0.0, .max_evaluations = 60});
  while (again.stop_reason() == StopReason::none) {
    const method::Batch batch = again.ask();
    told[batch.round] = problem.evaluate(batch);
    again.tell(told[batch.round]);
  }
  raised.recall(told);
  raised.restore(stopped.state());
  EXPECT_EQ(raised.stop_reason(), StopReason::none);
  EXPECT_GT(raised.ask().points.cols(), 1);
}

TEST(RegressionVi, StopsAtOnceWhenItsLimitIsLowered) {
  const Problem problem = curved();
  RegressionVi method = problem.method({});
  method::RecordedRounds told;
  told[0] = problem.evaluate(method.ask());
  method.tell(told[0]);
  RegressionVi lowered = problem.method({.max_evaluations = 3});
  lowered.recall(told);
  lowered.restore(method.state());
  EXPECT_EQ(lowered.stop_reason(), StopReason::max_evaluations);
  EXPECT_TRUE(lowered.posterior().has_value());
}

TEST(RegressionVi, LeavesRunsBeyondAllNumbersOut) {
  Problem problem = curved();
  for (const double huge : {1e100, 1e200, 1e300}) {
    int count = 0;
    problem.model = [&count, huge](const VectorXd& p) -> VectorXd {
      VectorXd qois = curved().model(p);
      if (++count % 5 == 0) {
        qois[1] = huge;
      }
      return qois;
    };
    const auto solved = problem.solve({.accuracy = 0.1});
    EXPECT_EQ(solved->stop_reason(), StopReason::accuracy) << huge;
    EXPECT_TRUE(std::isfinite(solved->posterior()->elbo));
  }
}

TEST(RegressionVi, UsesRunsThatCameWithoutTheirJacobian) {
  const Problem whole = curved();
  Problem some = whole;
  int count = 0;
  some.jacobian = [&count](const VectorXd& p) -> MatrixXd {
    return ++count % 3 == 0 ? MatrixXd(MatrixXd::Constant(4, 3, NAN)) : curved().jacobian(p);
  };
  const auto solved = some.solve({});
  EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
  const auto reference = whole.solve({.random_seed = 8, .accuracy = 0.02});
  EXPECT_LE(kl_divergence(solved->best(), reference->best()), 0.02);
  EXPECT_NEAR(solved->posterior()->diagnostics.get<double>("log_evidence"),
              reference->posterior()->diagnostics.get<double>("log_evidence"), 0.1);
}

TEST(RegressionVi, RefusesAStateWithoutItsRuns) {
  const Problem problem = curved();
  const auto done_solved = problem.solve({});
  const RegressionVi& done = *done_solved;
  RegressionVi restored = problem.method({});
  EXPECT_THROW(restored.restore(done.state()), Error);
}

TEST(RegressionVi, TakesAnAnswerOverToOtherData) {
  const Problem problem = curved();
  RegressionVi method = problem.method({});
  method::RecordedRounds told;
  while (method.stop_reason() == StopReason::none) {
    const method::Batch batch = method.ask();
    told[batch.round] = problem.evaluate(batch);
    method.tell(told[batch.round]);
  }
  Problem moved = problem;
  moved.observations.values += Eigen::Vector4d(0.1, 0.1, 0.05, 0.0);
  RegressionVi other = moved.method({});
  EXPECT_FALSE(other.has_target_of(method.state()));
  other.recall(told);
  other.rescore(method.state(), 0);
  EXPECT_EQ(other.diagnostics().scalar("rescored"), 1.0);
  EXPECT_THAT(other.diagnostics().messages, Contains(HasSubstr("have changed")));
  while (other.stop_reason() == StopReason::none) {
    other.tell(moved.evaluate(other.ask()));
  }
  const Gaussian direct = moved.solve({.random_seed = 4})->best();
  EXPECT_LE(kl_divergence(other.best(), direct), 0.02);
  EXPECT_LE(other.num_evaluations() - method.num_evaluations(), 150);
}

TEST(RegressionVi, LeavesFailedRunsOutAndSaysSo) {
  const Problem problem = curved();
  RegressionVi method = problem.method({});
  method::BatchResult result = problem.evaluate(method.ask());
  result.evaluations[2].status = method::Status::timeout;
  method.tell(result);
  EXPECT_EQ(method.diagnostics().scalar("num_dropped"), 1.0);
  EXPECT_THAT(method.diagnostics().messages, Contains(HasSubstr("1 of ")));
}

TEST(RegressionVi, GivesUpAfterThreeBatchesWithoutAGoodRun) {
  Problem problem = curved();
  problem.model = [](const VectorXd& /*p*/) -> VectorXd { return VectorXd::Constant(4, NAN); };
  const auto method_solved = problem.solve({});
  const RegressionVi& method = *method_solved;
  EXPECT_EQ(method.stop_reason(), StopReason::too_many_failures);
  EXPECT_FALSE(method.posterior().has_value());
}

std::vector<std::string> findings_of(const RegressionVi& method) {
  return method.posterior()->findings;
}

TEST(RegressionVi, SaysWhichParametersTheDataDidNotInform) {
  Problem problem = curved();
  problem.jacobian = nullptr;
  problem.space = make_space(VectorXd::Zero(4), VectorXd::Ones(4));
  EXPECT_THAT(findings_of(*problem.solve({})),
              Contains(HasSubstr("not informed beyond the prior: p3")));
}

TEST(RegressionVi, SaysThatAGaussianIsAGoodDescription) {
  const auto [problem, matrix] = sine7();
  EXPECT_THAT(findings_of(*problem.solve({})), Contains(HasSubstr("good description")));
}

/// One number of two parameters is measured.
Problem two_parameters(double (*qoi)(const VectorXd& p), const VectorXd& prior_std, double value,
                       double noise) {
  return {
      .space = make_space(VectorXd::Zero(2), prior_std),
      .observations = {.values = VectorXd::Constant(1, value),
                       .noise = space::Noise::independent(VectorXd::Constant(1, noise * noise))},
      .model = [qoi](const VectorXd& p) -> VectorXd { return VectorXd::Constant(1, qoi(p)); }};
}

/// y = x^2 is measured with noise 0.3.
Problem banana() {
  return two_parameters([](const VectorXd& p) { return p[1] - p[0] * p[0]; },
                        Eigen::Vector2d(1.0, 3.0), 0.0, 0.3);
}

/// The distance from the origin is measured as 1 with noise 0.1.
Problem donut() {
  return two_parameters([](const VectorXd& p) { return p.norm(); }, VectorXd::Ones(2), 1.0, 0.1);
}

/// Standard deviations of the posterior of two parameters around 0, by the rectangle rule.
Eigen::Vector2d exact_std(const Problem& problem) {
  const space::Likelihood likelihood(problem.observations, 0.0);
  Eigen::Vector2d sum = Eigen::Vector2d::Zero();
  Eigen::Vector2d squares = Eigen::Vector2d::Zero();
  double mass = 0.0;
  const VectorXd across = VectorXd::LinSpaced(241, -6.0, 6.0);
  const VectorXd along = VectorXd::LinSpaced(481, -6.0, 18.0);
  for (const double x : across) {
    for (const double y : along) {
      const Eigen::Vector2d p(x, y);
      const double weight = std::exp(likelihood.log_likelihood(problem.model(p))[0] +
                                     problem.space.prior.log_density(p)[0]);
      mass += weight;
      sum += weight * p;
      squares += weight * p.cwiseAbs2();
    }
  }
  return (squares / mass - (sum / mass).cwiseAbs2()).cwiseSqrt();
}

TEST(RegressionVi, SaysThatABananaIsNoGaussianAndCorrectsItsMoments) {
  const Problem problem = banana();
  const Eigen::Vector2d exact = exact_std(problem);
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const auto solved = problem.solve({.random_seed = seed});
    EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
    EXPECT_LE(solved->num_evaluations(), 400);
    const auto posterior = solved->posterior();
    EXPECT_THAT(posterior->findings, Contains(HasSubstr("the posterior is no Gaussian")));
    const auto& corrected = posterior->diagnostics.get<VectorXd>("corrected_std");
    for (const Index j : {0, 1}) {
      // Some 50 effective runs know a standard deviation to 10 %, less in long tails.
      EXPECT_LT(std::abs(corrected[j] / exact[j] - 1.0),
                0.75 * std::abs(posterior->std[j] / exact[j] - 1.0))
          << "seed " << seed << ", parameter " << j;
    }
  }
}

TEST(RegressionVi, SaysThatADonutIsNoGaussianAndCorrectsItsMoments) {
  const Problem problem = donut();
  const Eigen::Vector2d exact = exact_std(problem);
  const auto solved = problem.solve({});
  const auto posterior = solved->posterior();
  EXPECT_THAT(posterior->findings, Contains(HasSubstr("the posterior is no")));
  const auto& corrected = posterior->diagnostics.get<VectorXd>("corrected_std");
  EXPECT_LT((corrected.cwiseQuotient(exact).array() - 1.0).abs().maxCoeff(), 0.15);
  EXPECT_GT((posterior->std.cwiseQuotient(exact).array() - 1.0).abs().maxCoeff(), 0.15);
}

TEST(RegressionVi, MakesNoRunsForACorrectionWhereThePosteriorIsAGaussian) {
  const auto [problem, matrix] = sine7();
  const auto solved = problem.solve({});
  EXPECT_NE(solved->state().get<std::int64_t>("stage"),
            static_cast<std::int64_t>(Stage::correcting));
}

TEST(RegressionVi, KeepsItsAccuracyWhenTheLimitEndsTheCorrection) {
  const auto solved = banana().solve({.max_evaluations = 60});
  EXPECT_EQ(solved->state().get<std::int64_t>("stage"),
            static_cast<std::int64_t>(Stage::correcting));
  EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
  EXPECT_LE(solved->num_evaluations(), 60);
}

TEST(RegressionVi, ARestoredCorrectionContinuesToTheBit) {
  const Problem problem = banana();
  RegressionVi method = problem.method({});
  method::RecordedRounds told;
  int num_correcting = 0;
  while (method.stop_reason() == StopReason::none) {
    RegressionVi restored = problem.method({});
    restored.recall(told);
    restored.restore(method.state());
    const method::Batch batch = method.ask();
    ASSERT_EQ(batch.points, restored.ask().points) << "round " << batch.round;
    told[batch.round] = problem.evaluate(batch);
    method.tell(told[batch.round]);
    restored.tell(told[batch.round]);
    ASSERT_EQ(method.state().values(), restored.state().values()) << "round " << batch.round;
    num_correcting += method.diagnostics().scalar("stage") == 3.0 ? 1 : 0;
  }
  EXPECT_GT(num_correcting, 2);

  // A better accuracy takes it back to the climb.
  RegressionVi better = problem.method({.accuracy = 0.01});
  better.recall(told);
  better.restore(method.state());
  EXPECT_EQ(better.stop_reason(), StopReason::none);
  EXPECT_EQ(better.state().get<std::int64_t>("stage"), static_cast<std::int64_t>(Stage::climbing));
}

TEST(RegressionVi, FindsTwoModesFromSeveralStarts) {
  // x^2 is measured as 1: modes at -1 and 1.
  const Problem two{
      .space = make_space(VectorXd::Zero(1), VectorXd::Ones(1)),
      .observations = {.values = VectorXd::Ones(1),
                       .noise = space::Noise::independent(VectorXd::Constant(1, 0.01))},
      .model = [](const VectorXd& p) -> VectorXd { return VectorXd::Constant(1, p[0] * p[0]); }};
  const auto method_solved = two.solve({.accuracy = 0.0, .max_evaluations = 400, .starts = 6});
  const RegressionVi& method = *method_solved;
  const auto posterior = method.posterior();
  // Between the modes lies a wide Gaussian where a climb may settle too.
  EXPECT_GE(posterior->diagnostics.get<VectorXd>("mode_elbos").size(), 2);
  EXPECT_NEAR(std::abs(posterior->mean[0]), 1.0, 0.05);
  EXPECT_THAT(posterior->findings, Contains(HasSubstr("a second mode")));
}

TEST(RegressionVi, KeepsToBoundsByTheTransform) {
  Problem problem = curved();
  problem.jacobian = nullptr;
  problem.space =
      make_space(space::Prior::diagonal(VectorXd::Zero(3), VectorXd::Ones(3)),
                 space::Bounds(VectorXd::Constant(3, -0.8), VectorXd::Constant(3, 0.8)));
  RegressionVi method = problem.method({});
  while (method.stop_reason() == StopReason::none) {
    const method::Batch batch = method.ask();
    EXPECT_LE(batch.points.cwiseAbs().maxCoeff(), 0.8);
    method.tell(problem.evaluate(batch));
  }
  EXPECT_LE(method.posterior()->mean.cwiseAbs().maxCoeff(), 0.8);
}

}  // namespace
}  // namespace invar::regression
