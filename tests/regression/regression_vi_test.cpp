#include "invar/regression/regression_vi.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Dense>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"
#include "regression/problem.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;
using ::testing::Contains;
using ::testing::HasSubstr;

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
  const auto method_solved = problem.solve({.family = FamilyChoice::mean_field});
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

TEST(RegressionVi, FindsWhatDataTellThatAreAMillionTimesAsPreciseAsThePrior) {
  for (const bool has_jacobian : {false, true}) {
    Problem problem = curved();
    problem.observations.values = problem.model(Eigen::Vector3d(0.4, -0.3, 0.5));
    problem.observations.noise = space::Noise::independent(VectorXd::Constant(4, 1e-12));
    if (!has_jacobian) {
      problem.jacobian = {};
    }

    const auto solved = problem.solve({});

    EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
    EXPECT_LE(solved->num_evaluations(), 500);
    const VectorXd off = solved->best().mean - Eigen::Vector3d(0.4, -0.3, 0.5);
    EXPECT_LT(off.cwiseAbs().maxCoeff(), 1e-5);
    EXPECT_LT(solved->best().std().maxCoeff(), 1e-5);
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

struct Variant {
  bool has_jacobians = false;
  bool has_bounds = false;
  std::optional<int> starts = {};
};

class RestoredAfterEveryRound : public ::testing::TestWithParam<Variant> {};

TEST_P(RestoredAfterEveryRound, ContinuesToTheBit) {
  const auto [has_jacobians, has_bounds, starts] = GetParam();
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
  const RegressionViOptions options{
      .accuracy = 0.01, .max_evaluations = starts ? 400 : 150, .starts = starts};
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
                         ::testing::Values(Variant{}, Variant{.has_jacobians = true},
                                           Variant{.has_bounds = true},
                                           Variant{.has_jacobians = true, .has_bounds = true},
                                           Variant{.starts = 3},
                                           Variant{.has_jacobians = true, .starts = 3}));

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
  EXPECT_NE(solved->stage(), Stage::correcting);
}

TEST(RegressionVi, KeepsItsAccuracyWhenTheLimitEndsTheCorrection) {
  const auto solved = banana().solve({.max_evaluations = 60});
  EXPECT_EQ(solved->stage(), Stage::correcting);
  EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
  EXPECT_LE(solved->num_evaluations(), 60);
}

/// Solves a problem; before every round another method is restored, which must go on alike.
void expect_to_continue_to_the_bit(const Problem& problem, const RegressionViOptions& options,
                                   RegressionVi& method, method::RecordedRounds& told,
                                   const std::function<void()>& after_round) {
  while (method.stop_reason() == StopReason::none) {
    RegressionVi restored = problem.method(options);
    restored.recall(told);
    restored.restore(method.state());
    const method::Batch batch = method.ask();
    ASSERT_EQ(batch.points, restored.ask().points) << "round " << batch.round;
    told[batch.round] = problem.evaluate(batch);
    method.tell(told[batch.round]);
    restored.tell(told[batch.round]);
    ASSERT_EQ(method.state().values(), restored.state().values()) << "round " << batch.round;
    after_round();
  }
}

TEST(RegressionVi, ARestoredCorrectionContinuesToTheBit) {
  const Problem problem = banana();
  RegressionVi method = problem.method({});
  method::RecordedRounds told;
  int num_correcting = 0;
  expect_to_continue_to_the_bit(problem, {}, method, told, [&] {
    num_correcting += method.diagnostics().scalar("stage") == 3.0 ? 1 : 0;
  });
  EXPECT_GT(num_correcting, 2);

  // A better accuracy takes it back to the climb.
  RegressionVi better = problem.method({.accuracy = 0.01});
  better.recall(told);
  better.restore(method.state());
  EXPECT_EQ(better.stop_reason(), StopReason::none);
  EXPECT_EQ(better.stage(), Stage::climbing);
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

/// x^2 is measured as 1: modes at -1 and 1.
Problem two_modes() {
  return {.space = make_space(VectorXd::Zero(1), VectorXd::Ones(1)),
          .observations = {.values = VectorXd::Ones(1),
                           .noise = space::Noise::independent(VectorXd::Constant(1, 0.01))},
          .model = [](const VectorXd& p) -> VectorXd { return VectorXd::Constant(1, p[0] * p[0]); },
          .jacobian = [](const VectorXd& p) -> MatrixXd {
            return MatrixXd::Constant(1, 1, 2.0 * p[0]);
          }};
}

/// sin(2 a) + b and cos(b) - a / 2: no polynomial, and more than one mode.
Problem wavy() {
  return {.space = make_space(VectorXd::Zero(2), Eigen::Vector2d(1.5, 1.5)),
          .observations = {.values = Eigen::Vector2d(0.4, 0.6),
                           .noise = space::Noise::independent(VectorXd::Constant(2, 0.01))},
          .model = [](const VectorXd& p) -> VectorXd {
            return Eigen::Vector2d(std::sin(2.0 * p[0]) + p[1], std::cos(p[1]) - 0.5 * p[0]);
          },
          .jacobian = [](const VectorXd& p) -> MatrixXd {
            MatrixXd j(2, 2);
            j << 2.0 * std::cos(2.0 * p[0]), 1.0, -0.5, -std::sin(p[1]);
            return j;
          }};
}

Problem without_jacobian(Problem problem) {
  problem.jacobian = nullptr;
  return problem;
}

TEST(RegressionVi, FindsBothModesFromSeveralStartsAndTellsThem) {
  for (const Problem& problem : {two_modes(), without_jacobian(two_modes())}) {
    const auto solved = problem.solve({.starts = 6});
    const auto posterior = solved->posterior();
    EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
    EXPECT_NEAR(std::abs(posterior->mean[0]), 1.0, 0.05);
    const auto& elbos = posterior->diagnostics.get<VectorXd>("mode_elbos");
    const auto& means = posterior->diagnostics.get<MatrixXd>("mode_means");
    ASSERT_GE(elbos.size(), 2);
    EXPECT_EQ(means(0, 0), posterior->mean[0]) << "the answer comes first";
    EXPECT_EQ(elbos[0], posterior->elbo);
    // By symmetry the other one is as good.
    EXPECT_NEAR(means(0, 1), -posterior->mean[0], 0.02);
    EXPECT_NEAR(elbos[1], elbos[0], 0.05);
    EXPECT_THAT(posterior->findings, Contains(HasSubstr("starts disagree")));
    EXPECT_THAT(posterior->findings, Contains(HasSubstr("a second mode")));
    EXPECT_THAT(posterior->findings, Contains(HasSubstr("mode 2: ELBO")));
  }
}

/// exp(-a t) + exp(-b t): a and b may change places.
Problem two_decays() {
  VectorXd times(8);
  times << 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0;
  const auto model = [times](const VectorXd& p) -> VectorXd {
    return (-p[0] * times).array().exp() + (-p[1] * times).array().exp();
  };
  return {.space = make_space(VectorXd::Ones(2), VectorXd::Constant(2, 0.64)),
          .observations = {.values = model(Eigen::Vector2d(0.4, 1.8)),
                           .noise = space::Noise::independent(VectorXd::Constant(8, 0.01))},
          .model = model};
}

TEST(RegressionVi, StartsOfItsOwnAccordWhereRunsShowAnotherMode) {
  int num_found = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto solved = two_decays().solve({.random_seed = seed});
    const auto posterior = solved->posterior();
    EXPECT_EQ(solved->stop_reason(), StopReason::accuracy) << seed;
    if (posterior->diagnostics.get<VectorXd>("mode_elbos").size() == 2) {
      ++num_found;
      const auto& means = posterior->diagnostics.get<MatrixXd>("mode_means");
      EXPECT_NEAR(means(0, 0), means(1, 1), 0.05) << seed;
      EXPECT_NEAR(means(1, 0), means(0, 1), 0.05) << seed;
      EXPECT_THAT(posterior->findings, Contains(HasSubstr("a second mode")));
      EXPECT_LT(solved->num_evaluations(), 400) << seed;
    }
    const auto one = two_decays().solve({.random_seed = seed, .starts = 1});
    EXPECT_EQ(one->posterior()->diagnostics.get<VectorXd>("mode_elbos").size(), 1) << seed;
  }
  EXPECT_GE(num_found, 5);
}

/// A seed with which the first runs of `two_decays` see both modes.
constexpr std::uint64_t seeing = 2;

TEST(RegressionVi, AStartElsewhereContinuesToTheBit) {
  const Problem problem = two_decays();
  const RegressionViOptions options{.random_seed = seeing};
  RegressionVi method = problem.method(options);
  method::RecordedRounds told;
  int num_elsewhere = 0;
  expect_to_continue_to_the_bit(problem, options, method, told, [&] {
    num_elsewhere += method.diagnostics().scalar("start") == 2.0 ? 1 : 0;
  });
  EXPECT_GE(num_elsewhere, 2);
}

TEST(RegressionVi, SaysThatStartsAgree) {
  const auto solved = curved().solve({.starts = 4});
  const auto posterior = solved->posterior();
  EXPECT_EQ(posterior->diagnostics.get<VectorXd>("mode_elbos").size(), 1);
  EXPECT_THAT(posterior->findings, Contains("4 starts came to the same place"));
}

TEST(RegressionVi, SaysWhichStartsHaveNotComeToAnEnd) {
  const auto solved = without_jacobian(wavy()).solve({.max_evaluations = 150, .starts = 4});
  EXPECT_THAT(findings_of(*solved), Contains(HasSubstr("still under way")));
}

TEST(RegressionVi, SeveralStartsOfALinearProblemCostNothingMore) {
  const auto [problem, matrix] = sine7();
  const auto one = problem.solve({});
  const auto four = problem.solve({.starts = 4});
  EXPECT_EQ(four->num_evaluations(), one->num_evaluations());
}

/// What `start` was in each round.
std::vector<int> starts_by_round(const Problem& problem, const RegressionViOptions& options) {
  RegressionVi method = problem.method(options);
  std::vector<int> starts;
  while (method.stop_reason() == StopReason::none) {
    method.tell(problem.evaluate(method.ask()));
    starts.push_back(static_cast<int>(method.diagnostics().scalar("start")));
  }
  return starts;
}

TEST(RegressionVi, SeveralStartsClimbInTurns) {
  for (const Problem& problem : {wavy(), without_jacobian(wavy())}) {
    const std::vector<int> starts = starts_by_round(problem, {.starts = 3});
    std::vector<int> turns;
    for (std::size_t i = 1; i < starts.size(); ++i) {
      // The round that ends exploring is the first step of the first one.
      if (starts[i - 1] > 0 || problem.jacobian) {
        turns.push_back(starts[i]);
      }
    }
    ASSERT_GE(turns.size(), 6U);
    EXPECT_EQ(std::vector<int>(turns.begin(), turns.begin() + 6),
              (std::vector<int>{1, 2, 3, 1, 2, 3}));
  }
}

TEST(RegressionVi, DrawsNoTwoBatchesAlike) {
  // A climb that fails once is drawn anew; all batches are told apart by their normals.
  const Problem problem = without_jacobian(wavy());
  RegressionVi method = problem.method({.accuracy = 0.0, .max_evaluations = 600, .starts = 4});
  std::vector<double> seen;
  while (method.stop_reason() == StopReason::none) {
    const method::Batch batch = method.ask();
    method::BatchResult result = problem.evaluate(batch);
    if (batch.round % 5 == 4) {
      for (method::Evaluation& evaluation : result.evaluations) {
        evaluation = {};
        evaluation.status = method::Status::crashed;
      }
    }
    method.tell(result);
    const method::RoundDiagnostics& told = method.diagnostics();
    seen.push_back((batch.points(0, 0) - told.proposal_mean[0]) / told.proposal_std[0]);
  }
  std::sort(seen.begin(), seen.end());
  for (std::size_t i = 1; i < seen.size(); ++i) {
    EXPECT_GT(seen[i] - seen[i - 1], 1e-9);
  }
}

/// Rounds whose whole batch had been offered ahead, of rounds that were the turn of another climb
/// than the one before.
struct AheadCounts {
  int num_turns = 0;
  int num_known = 0;
  int num_explored = 0;
  int num_rejected = 0;  // search points after a rejection that were known
  Index num_never_asked = 0;
};

AheadCounts run_with_offers(const Problem& problem, const RegressionViOptions& options) {
  RegressionVi method = problem.method(options);
  std::vector<method::Question> offered;
  const auto find = [&offered](const method::Question& question) {
    return std::find_if(offered.begin(), offered.end(), [&](const method::Question& other) {
      return method::is_same(question, other);
    });
  };
  AheadCounts counts;
  std::vector<method::Question> ever;
  std::vector<method::Question> asked;
  double last = 0.0;
  while (method.stop_reason() == StopReason::none) {
    const method::Batch batch = method.ask();
    Index num_known = 0;
    for (Index i = 0; i < batch.points.cols(); ++i) {
      num_known += find(batch.question(i)) != offered.end() ? 1 : 0;
      asked.push_back(batch.question(i));
    }
    const method::State before = method.state();
    const method::Batch ahead = method.ahead();
    EXPECT_EQ(method.state().values(), before.values());
    EXPECT_EQ(method.ahead().points, ahead.points);
    Index num_offered = 0;
    for (const RegressionVi::Offer& offer : method.offers()) {
      EXPECT_LE(num_offered + offer.points.cols(), ahead.points.cols());
      EXPECT_EQ(offer.points, ahead.points.middleCols(num_offered, offer.points.cols()));
      num_offered += offer.points.cols();
    }
    EXPECT_EQ(num_offered, ahead.points.cols());
    EXPECT_EQ(method.ask().points, batch.points);
    offered.clear();
    for (Index i = 0; i < ahead.points.cols(); ++i) {
      offered.push_back(ahead.question(i));
      ever.push_back(ahead.question(i));
    }
    method.tell(problem.evaluate(batch));
    const double start = method.diagnostics().scalar("start");
    const double stage = method.diagnostics().scalar("stage");
    if (last > 0.0 && start != last) {
      ++counts.num_turns;
      counts.num_known += num_known == batch.points.cols() ? 1 : 0;
    } else if (stage == 0.0 && batch.round > 0) {
      counts.num_explored += num_known == batch.points.cols() ? 1 : 0;
    } else if (stage == 1.0 && num_known > 0) {
      ++counts.num_rejected;
    }
    last = start;
  }
  for (const method::Question& question : ever) {
    counts.num_never_asked += std::none_of(asked.begin(), asked.end(),
                                           [&](const method::Question& other) {
                                             return method::is_same(question, other);
                                           })
                                  ? 1
                                  : 0;
  }
  return counts;
}

TEST(RegressionVi, KnowsTheBatchesOfOtherStartsAhead) {
  for (const Problem& problem : {wavy(), without_jacobian(wavy())}) {
    const AheadCounts counts = run_with_offers(problem, {.starts = 4});
    EXPECT_GE(counts.num_turns, 6);
    // The last turn, to the best climb, is not known where that climb was not the best before.
    EXPECT_GE(counts.num_known, counts.num_turns - 1);
  }
}

TEST(RegressionVi, KnowsAheadWhatItExploresNext) {
  const AheadCounts counts = run_with_offers(without_jacobian(wavy()), {.starts = 1});
  EXPECT_GE(counts.num_explored, 1);
  EXPECT_EQ(counts.num_turns, 0);
}

TEST(RegressionVi, KnowsAheadWhatItExploresNextWhereARunFails) {
  const Problem problem = without_jacobian(wavy());
  RegressionVi method = problem.method({});
  const method::Batch first = method.ask();
  const MatrixXd ahead = method.ahead().points;
  method::BatchResult result = problem.evaluate(first);
  result.evaluations.back() = {};
  result.evaluations.back().status = method::Status::crashed;
  method.tell(result);
  const MatrixXd next = method.ask().points;
  ASSERT_EQ(method.diagnostics().scalar("start"), 0.0);
  ASSERT_LE(next.cols(), ahead.cols());
  EXPECT_EQ(ahead.leftCols(next.cols()), next);
}

TEST(RegressionVi, KnowsAheadWhatASearchTriesAfterARejection) {
  // A narrow curved valley.
  const Problem valley{
      .space = make_space(VectorXd::Zero(2), Eigen::Vector2d(3.0, 3.0)),
      .observations = {.values = Eigen::Vector2d(0.0, 1.0),
                       .noise = space::Noise::independent(Eigen::Vector2d(1e-4, 1e-2))},
      .model = [](const VectorXd& p) -> VectorXd {
        return Eigen::Vector2d(p[1] - p[0] * p[0] * p[0], p[0]);
      },
      .jacobian = [](const VectorXd& p) -> MatrixXd {
        MatrixXd j(2, 2);
        j << -3.0 * p[0] * p[0], 1.0, 1.0, 0.0;
        return j;
      }};
  const AheadCounts counts = run_with_offers(valley, {.first_sample_size = 4});
  EXPECT_GE(counts.num_rejected, 1);
}

TEST(RegressionVi, OffersNothingBeyondItsLimit) {
  const Problem problem = without_jacobian(wavy());
  RegressionVi method = problem.method({.accuracy = 0.0, .max_evaluations = 150, .starts = 4});
  while (method.stop_reason() == StopReason::none) {
    const Index size = method.ask().points.cols();
    EXPECT_LE(method.num_evaluations() + size + method.ahead().points.cols(), 150);
    method.tell(problem.evaluate(method.ask()));
  }
}

TEST(RegressionVi, GoesOnWithoutAStartWhoseRunsFail) {
  // Nothing can be run on the left, where half of the starts are.
  Problem problem = without_jacobian(two_modes());
  int count = 0;
  problem.model = [&count](const VectorXd& p) -> VectorXd {
    // While exploring all is well.
    ++count;
    return VectorXd::Constant(1, count > 48 && p[0] < -0.3 ? NAN : std::cosh(p[0]) - 0.54);
  };
  RegressionVi method = problem.method({.starts = 6});
  std::vector<std::string> messages;
  while (method.stop_reason() == StopReason::none) {
    method.tell(problem.evaluate(method.ask()));
    for (const std::string& message : method.diagnostics().messages) {
      messages.push_back(message);
    }
  }
  EXPECT_THAT(messages, Contains(HasSubstr("is given up")));
  EXPECT_EQ(method.stop_reason(), StopReason::accuracy);
  EXPECT_NEAR(method.posterior()->mean[0], 1.0, 0.1);
  EXPECT_THAT(findings_of(method), Contains(HasSubstr("given up")));
}

TEST(RegressionVi, GoesOnWhereItsFirstBatchWasCut) {
  const Problem problem = without_jacobian(curved());
  const RegressionViOptions low{.max_evaluations = 4};
  RegressionVi cut = problem.method(low);
  method::RecordedRounds told;
  while (cut.stop_reason() == StopReason::none) {
    const method::Batch batch = cut.ask();
    told[batch.round] = problem.evaluate(batch);
    cut.tell(told[batch.round]);
  }
  ASSERT_EQ(cut.num_evaluations(), 4);
  ASSERT_TRUE(cut.posterior().has_value());

  RegressionVi raised = problem.method({});
  raised.recall(told);
  raised.restore(cut.state());

  ASSERT_EQ(raised.stop_reason(), StopReason::none);
  EXPECT_FALSE(raised.posterior().has_value()) << "the answer from four runs was a makeshift";
  EXPECT_EQ(raised.ask().points.cols(), 10 - 4) << "the rest of 2 (d + 2)";
  while (raised.stop_reason() == StopReason::none) {
    raised.tell(problem.evaluate(raised.ask()));
  }
  EXPECT_EQ(raised.stop_reason(), StopReason::accuracy);
  EXPECT_LE(kl_divergence(raised.best(), problem.solve({.random_seed = 7})->best()), 0.02);
}

TEST(RegressionVi, ResumesAFirstBatchThatWasCutAndAsksForTheRest) {
  const Problem problem = without_jacobian(curved());
  RegressionVi cut = problem.method({.max_evaluations = 4});
  method::RecordedRounds told;
  told[0] = problem.evaluate(cut.ask());
  cut.tell(told[0]);
  RegressionVi raised = problem.method({});
  raised.recall(told);
  raised.restore(cut.state());

  RegressionVi lowered = problem.method({.max_evaluations = 3});
  lowered.resume_first_batch(4);
  EXPECT_EQ(lowered.stop_reason(), StopReason::max_evaluations);

  RegressionVi resumed = problem.method({});
  EXPECT_EQ(resumed.ask().points.cols(), 10);
  resumed.resume_first_batch(4);
  while (resumed.stop_reason() == StopReason::none) {
    const method::Batch batch = resumed.ask();
    EXPECT_EQ(batch.points.cols(), batch.round == 0 ? 4 : batch.points.cols());
    if (batch.round > 0) {
      ASSERT_EQ(batch.points, raised.ask().points);
      raised.tell(problem.evaluate(batch));
    }
    resumed.tell(problem.evaluate(batch));
    resumed.resume_first_batch(1);  // of no matter any more
  }
  EXPECT_EQ(raised.stop_reason(), StopReason::accuracy);
  EXPECT_EQ(resumed.posterior()->mean, raised.posterior()->mean);
}

TEST(RegressionVi, AnAnswerBeforeTheFirstClimbChangesNothingAfterwards) {
  // Stopped in the middle of a search, and of exploring.
  for (const Problem& problem : {wavy(), without_jacobian(wavy())}) {
    const RegressionViOptions options{.starts = 3};
    RegressionVi whole = problem.method(options);
    const int limit = problem.jacobian ? 10 : 12;
    RegressionViOptions low = options;
    low.max_evaluations = limit;
    RegressionVi stopped = problem.method(low);
    method::RecordedRounds told;
    while (stopped.stop_reason() == StopReason::none) {
      const method::Batch batch = stopped.ask();
      told[batch.round] = problem.evaluate(batch);
      stopped.tell(told[batch.round]);
      whole.ask();
      whole.tell(told[batch.round]);
    }
    EXPECT_EQ(stopped.stop_reason(), StopReason::max_evaluations);
    EXPECT_TRUE(stopped.posterior().has_value());
    RegressionVi raised = problem.method(options);
    raised.recall(told);
    raised.restore(stopped.state());
    EXPECT_EQ(raised.ask().points, whole.ask().points);
  }
}

TEST(RegressionVi, RefusesOptionsThatAStudyMayNotGive) {
  const Problem problem = curved();
  const auto message_of = [&problem](const RegressionViOptions& options) -> std::string {
    try {
      const RegressionVi method = problem.method(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message_of({}), "");
  EXPECT_EQ(message_of({.sample_size = 2, .first_sample_size = 2, .starts = 1}), "");
  EXPECT_THAT(message_of({.accuracy = -0.1}), HasSubstr("accuracy"));
  EXPECT_THAT(message_of({.accuracy = NAN}), HasSubstr("accuracy"));
  EXPECT_THAT(message_of({.max_evaluations = 0}), HasSubstr("max_evaluations"));
  EXPECT_THAT(message_of({.sample_size = 1}), HasSubstr("sample_size"));
  EXPECT_THAT(message_of({.first_sample_size = 1}), HasSubstr("first_sample_size"));
  EXPECT_THAT(message_of({.starts = 0}), HasSubstr("starts"));
  EXPECT_THAT(message_of({.trust_radius = 0.0}), HasSubstr("trust_radius"));
  EXPECT_THAT(message_of({.num_draws = 0}), HasSubstr("num_draws"));
  EXPECT_THAT(message_of({.transform_interior_margin = 0.5}),
              HasSubstr("transform_interior_margin"));
  const std::string both = message_of({.max_evaluations = 0, .starts = -1});
  EXPECT_THAT(both, HasSubstr("max_evaluations"));
  EXPECT_THAT(both, HasSubstr("starts"));
}

}  // namespace
}  // namespace invar::regression
