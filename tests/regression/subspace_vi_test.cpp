#include "invar/regression/subspace_vi.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include <Eigen/Dense>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"
#include "invar/method/state_reader.hpp"
#include "invar/regression/make_regression_vi.hpp"
#include "regression/problem.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;
using ::testing::Contains;
using ::testing::HasSubstr;

MatrixXd normals(std::uint64_t seed, Index rows, Index columns) {
  return core::standard_normals({.seed = seed, .purpose = core::Purpose::test}, rows, columns);
}

MatrixXd orthonormal(std::uint64_t seed, Index rows, Index columns) {
  return normals(seed, rows, columns).householderQr().householderQ() *
         MatrixXd::Identity(rows, columns);
}

/// Runs to the end, with a look after every round; gives the method.
std::unique_ptr<SubspaceVi> solve(
    const Problem& problem, const RegressionViOptions& options, DerivativeSource source,
    const std::function<void(const SubspaceVi&)>& look = [](const SubspaceVi&) {}) {
  auto method = std::make_unique<SubspaceVi>(problem.space, problem.observations, options,
                                             std::nullopt, source);
  while (method->stop_reason() == StopReason::none) {
    method->tell(problem.evaluate(method->ask()));
    look(*method);
  }
  return method;
}

Problem linear_problem(const MatrixXd& matrix, const VectorXd& values, double variance,
                       const space::Prior& prior) {
  return {.space = make_space(prior, space::Bounds::none(prior.dimension())),
          .observations = {.values = values,
                           .noise = space::Noise::independent(
                               VectorXd::Constant(values.size(), variance))},
          .model = [matrix](const VectorXd& theta) -> VectorXd { return matrix * theta; },
          .jacobian = [matrix](const VectorXd& /*theta*/) { return matrix; }};
}

/// KL(q || posterior) of a linear problem with independent prior, through the m x m and r x r
/// matrices alone.
double kl_to_linear_posterior(const MatrixXd& matrix, const Problem& problem,
                              const SubspaceVi::Answer& q) {
  const VectorXd std = problem.space.prior.std();
  const double noise = std::sqrt(problem.observations.noise.variances()[0]);
  const MatrixXd a = matrix * std.asDiagonal() / noise;
  const VectorXd y = (problem.observations.values - matrix * problem.space.prior.mean()) / noise;
  const Index m = a.rows();
  const Index r = q.basis.cols();
  const MatrixXd gram = a * a.transpose() + MatrixXd::Identity(m, m);
  const VectorXd mean = a.transpose() * gram.llt().solve(y);
  // tr((I + A^T A)(I + B C B^T)) - d and the determinants.
  const MatrixXd ab = a * q.basis;
  const double trace =
      a.squaredNorm() + (q.excess * (MatrixXd::Identity(r, r) + ab.transpose() * ab)).trace();
  const VectorXd off = q.mean - mean;
  const MatrixXd inner = MatrixXd::Identity(r, r) + q.excess;
  return 0.5 * (trace + off.squaredNorm() + (a * off).squaredNorm() -
                2.0 * gram.llt().matrixLLT().diagonal().array().log().sum() -
                2.0 * inner.llt().matrixLLT().diagonal().array().log().sum());
}

/// A smoothing operator.
MatrixXd operator_of(Index m, Index d, const std::function<double(Index)>& singular_value) {
  VectorXd values(m);
  for (Index k = 0; k < m; ++k) {
    values[k] = singular_value(k);
  }
  return orthonormal(3, m, m) * values.asDiagonal() * orthonormal(5, d, m).transpose();
}

TEST(SubspaceVi, FindsAnIllPosedPosteriorByProducts) {
  const Index d = 200;
  for (const auto& [m, rank, value] :
       {std::tuple(Index{60}, Index{60}, std::function([](Index k) {
                     return 1.0 / std::pow(static_cast<double>(k) + 1.0, 2);
                   })),
        std::tuple(Index{100}, Index{12}, std::function([](Index k) {
                     return k < 12 ? std::exp(-0.4 * static_cast<double>(k)) : 0.0;
                   })),
        std::tuple(Index{100}, Index{24}, std::function([](Index k) {
                     return std::exp(-0.6 * static_cast<double>(k));
                   }))}) {
    const MatrixXd matrix = operator_of(m, d, value);
    const Problem problem =
        linear_problem(matrix, matrix * normals(6, d, 1), 1e-6,
                       space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d)));
    const auto solved = solve(problem, {}, DerivativeSource::vector_jacobian);
    EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
    EXPECT_LE(kl_to_linear_posterior(matrix, problem, solved->answer()), 1e-6);
    EXPECT_LE(solved->num_evaluations() + solved->num_products(), 2 * (rank + 10));
  }
}

class ManyParameters : public ::testing::TestWithParam<DerivativeSource> {};

TEST_P(ManyParameters, TakeFewRunsWhereFewDirectionsAreInformed) {
  const Index d = 2000;
  const MatrixXd matrix = operator_of(
      40, d, [](Index k) { return k < 20 ? 10.0 / (1.0 + static_cast<double>(k)) : 0.0; });
  const Problem problem = linear_problem(
      matrix, matrix * normals(6, d, 1), 0.01,
      space::Prior::diagonal(VectorXd::Constant(d, 0.5), VectorXd::LinSpaced(d, 0.5, 2.0)));
  const auto solved = solve(problem, {}, GetParam());
  EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
  EXPECT_LE(kl_to_linear_posterior(matrix, problem, solved->answer()), 1e-3);
  EXPECT_LE(solved->num_evaluations() + solved->num_products(), 80);
  const auto posterior = solved->posterior();
  ASSERT_TRUE(posterior.has_value());
  EXPECT_EQ(posterior->mean.size(), d);
  EXPECT_EQ(posterior->covariance.size(), 0);
  EXPECT_THAT(posterior->findings, Contains(HasSubstr("of 2000 directions")));
}

/// Bytes that are held.
double held() {
  const struct mallinfo2 now = mallinfo2();
  return static_cast<double>(now.uordblks) + static_cast<double>(now.hblkhd);
}

TEST_P(ManyParameters, TakeMemoryForTheInformedDirectionsAlone) {
  const Index d = 2000;
  const Index r = 20;
  const MatrixXd matrix = operator_of(
      40, d, [](Index k) { return k < r ? 10.0 / (1.0 + static_cast<double>(k)) : 0.0; });
  const Problem problem =
      linear_problem(matrix, matrix * normals(6, d, 1), 0.01,
                     space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d)));
  const double before = held();
  double most = 0.0;
  const auto solved = solve(problem, {}, GetParam(), [&](const SubspaceVi& method) {
    most = std::max(most, held() - before);
    const auto posterior = method.posterior();
    most = std::max(most, held() - before);
  });
  EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
  EXPECT_LE(most, 20.0 * static_cast<double>(d * r) * sizeof(double));
}

INSTANTIATE_TEST_SUITE_P(SubspaceVi, ManyParameters,
                         ::testing::Values(DerivativeSource::vector_jacobian,
                                           DerivativeSource::jacobian));

/// Some smooth functions of few combinations of many parameters.
Problem curved(const space::Prior& prior, const space::Bounds& bounds) {
  const Index d = prior.dimension();
  const Index m = 40;
  const Index k = 6;
  const MatrixXd turn =
      orthonormal(11, d, k) * Eigen::VectorXd::LinSpaced(k, 2.0, 0.5).asDiagonal();
  const MatrixXd mix = normals(12, m, 2 * k);
  const auto features = [turn](const VectorXd& theta) {
    const VectorXd u = turn.transpose() * theta;
    VectorXd all(2 * u.size());
    all << u, 0.2 * u.array().square() + (0.4 * u.array()).sin();
    return all;
  };
  const auto slopes = [turn](const VectorXd& theta) {
    const VectorXd u = turn.transpose() * theta;
    MatrixXd all(2 * u.size(), turn.rows());
    all << turn.transpose(),
        (0.4 * u.array() + 0.4 * (0.4 * u.array()).cos()).matrix().asDiagonal() * turn.transpose();
    return all;
  };
  const VectorXd truth = 0.7 * normals(13, d, 1);
  const VectorXd noise = normals(14, m, 1);
  return {.space = make_space(prior, bounds),
          .observations = {.values = mix * features(truth) + 0.5 * noise,
                           .noise = space::Noise::independent(VectorXd::Constant(m, 0.25))},
          .model = [=](const VectorXd& theta) -> VectorXd { return mix * features(theta); },
          .jacobian = [=](const VectorXd& theta) -> MatrixXd { return mix * slopes(theta); }};
}

Problem curved() {
  const Index d = 100;
  return curved(space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d)),
                space::Bounds::none(d));
}

/// The Gaussian in all coordinates, which are those in which the prior is N(0, I).
Gaussian whole(const SubspaceVi::Answer& at) {
  const MatrixXd covariance = MatrixXd::Identity(at.mean.size(), at.mean.size()) +
                              at.basis * at.excess * at.basis.transpose();
  return {.mean = at.mean, .lower = covariance.llt().matrixL()};
}

class CurvedProblem : public ::testing::TestWithParam<DerivativeSource> {};

TEST_P(CurvedProblem, HasTheAnswerOfTheFullFamily) {
  const Problem problem = curved();
  RegressionVi full(problem.space, problem.observations, {.accuracy = 0.01, .max_evaluations = 400},
                    std::nullopt, DerivativeSource::jacobian);
  while (full.stop_reason() == StopReason::none) {
    full.tell(problem.evaluate(full.ask()));
  }
  const auto solved = solve(problem, {.family = FamilyChoice::low_rank}, GetParam());
  EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
  EXPECT_LE(kl_divergence(whole(solved->answer()), full.best()), 0.05);
  EXPECT_NEAR(solved->posterior()->elbo, full.posterior()->elbo, 0.05);
}

INSTANTIATE_TEST_SUITE_P(SubspaceVi, CurvedProblem,
                         ::testing::Values(DerivativeSource::vector_jacobian,
                                           DerivativeSource::jacobian,
                                           DerivativeSource::jacobian_vector));

void expect_same_states(const SubspaceVi& a, const SubspaceVi& b) {
  const method::State one = a.state();
  const method::State other = b.state();
  ASSERT_EQ(one.values().size(), other.values().size());
  for (const auto& [name, value] : one.values()) {
    EXPECT_TRUE(method::are_same(value, other.values().at(name))) << name;
  }
}

/// Asks for its next batch as a method that was restored does; some runs fail.
void expect_the_same_when_restored(const Problem& problem, const RegressionViOptions& options,
                                   DerivativeSource source) {
  const auto fresh = [&] {
    return std::make_unique<SubspaceVi>(problem.space, problem.observations, options, std::nullopt,
                                        source);
  };
  const auto method = fresh();
  method::RecordedRounds told;
  int count = 0;
  while (method->stop_reason() == StopReason::none) {
    const auto restored = fresh();
    restored->recall(told);
    restored->restore(method->state());
    expect_same_states(*restored, *method);
    const method::Batch batch = method->ask();
    const method::Batch again = restored->ask();
    ASSERT_EQ(batch.points, again.points) << "round " << batch.round;
    for (Index i = 0; i < batch.points.cols(); ++i) {
      ASSERT_TRUE(method::is_same(batch.question(i), again.question(i)));
    }
    method::BatchResult result = problem.evaluate(batch);
    for (method::Evaluation& evaluation : result.evaluations) {
      if (++count % 11 == 0) {
        evaluation = {};
        evaluation.status = method::Status::crashed;
      }
    }
    method->tell(result);
    restored->tell(result);
    expect_same_states(*restored, *method);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "round " << batch.round;
    told[batch.round] = result;
  }
  const auto restored = fresh();
  restored->recall(told);
  restored->restore(method->state());
  EXPECT_EQ(restored->stop_reason(), method->stop_reason());
  ASSERT_TRUE(method->posterior().has_value());
  EXPECT_EQ(restored->posterior()->samples, method->posterior()->samples);
  EXPECT_EQ(restored->posterior()->weights, method->posterior()->weights);
  EXPECT_EQ(restored->posterior()->findings, method->posterior()->findings);
}

TEST_P(CurvedProblem, ContinuesToTheBit) {
  expect_the_same_when_restored(
      curved(), {.family = FamilyChoice::low_rank, .max_evaluations = 350}, GetParam());
}

TEST(SubspaceVi, ContinuesToTheBitWithoutDerivativesAndWithBounds) {
  const Index d = 30;
  VectorXd low = VectorXd::Constant(d, -HUGE_VAL);
  low.head(10).setConstant(-1.5);
  VectorXd high = VectorXd::Constant(d, HUGE_VAL);
  high.segment(5, 10).setConstant(1.0);
  const Problem problem = curved(space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d)),
                                 space::Bounds(low, high));
  for (const auto source : {DerivativeSource::none, DerivativeSource::vector_jacobian}) {
    expect_the_same_when_restored(
        problem, {.family = FamilyChoice::low_rank, .max_evaluations = 200}, source);
  }
}

TEST(SubspaceVi, WithoutDerivativesALinearProblemTakesTwiceAsManyRunsAsParameters) {
  const Index d = 60;
  const MatrixXd matrix = operator_of(
      30, d, [](Index k) { return k < 8 ? 10.0 / (1.0 + static_cast<double>(k)) : 0.0; });
  const Problem problem =
      linear_problem(matrix, matrix * normals(6, d, 1), 0.01,
                     space::Prior::diagonal(VectorXd::Zero(d), VectorXd::LinSpaced(d, 0.5, 2.0)));
  const auto solved = solve(problem, {.family = FamilyChoice::low_rank}, DerivativeSource::none);
  EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
  EXPECT_LE(solved->num_evaluations(), 2 * (d + 2));
  EXPECT_LE(kl_to_linear_posterior(matrix, problem, solved->answer()), 1e-6);
}

TEST(SubspaceVi, GivesThePosteriorOfTheParameters) {
  const Index d = 40;
  const MatrixXd matrix = operator_of(20, d, [](Index k) { return k < 5 ? 3.0 : 0.0; });
  const MatrixXd root = MatrixXd::Identity(d, d) + 0.05 * normals(9, d, d);
  const MatrixXd prior_covariance = root * root.transpose();
  const VectorXd prior_mean = VectorXd::LinSpaced(d, -1.0, 1.0);
  const Problem problem = linear_problem(matrix, matrix * normals(6, d, 1), 0.25,
                                         space::Prior::multivariate(prior_mean, prior_covariance));
  const auto solved = solve(problem, {.family = FamilyChoice::low_rank, .num_draws = 20000},
                            DerivativeSource::vector_jacobian);
  const MatrixXd precision = prior_covariance.inverse() + matrix.transpose() * matrix / 0.25;
  const MatrixXd covariance = precision.inverse();
  const VectorXd mean = covariance * (matrix.transpose() * problem.observations.values / 0.25 +
                                      prior_covariance.inverse() * prior_mean);
  const auto posterior = solved->posterior();
  ASSERT_TRUE(posterior.has_value());
  EXPECT_LE((posterior->mean - mean).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_LE((posterior->covariance - covariance).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_LE((posterior->std - covariance.diagonal().cwiseSqrt()).cwiseAbs().maxCoeff(), 1e-5);
  // 20,000 draws: four standard errors of a mean and of a variance.
  const VectorXd drawn_mean = posterior->draws.rowwise().mean();
  EXPECT_LE((drawn_mean - mean).cwiseQuotient(posterior->std).cwiseAbs().maxCoeff(), 4.0 / 141.0);
  const VectorXd drawn_variance =
      (posterior->draws.colwise() - drawn_mean).cwiseAbs2().rowwise().mean();
  EXPECT_LE((drawn_variance.cwiseQuotient(covariance.diagonal()).array() - 1.0).abs().maxCoeff(),
            4.0 / 100.0);
  EXPECT_THAT(posterior->findings, Contains(HasSubstr("the data inform 5 of 40 directions")));
}

TEST(SubspaceVi, GoesOnUnderChangedDataAndBeginsAgainUnderAnotherPrior) {
  const Problem problem = curved();
  const RegressionViOptions options{};
  SubspaceVi method(problem.space, problem.observations, options, std::nullopt,
                    DerivativeSource::vector_jacobian);
  method::RecordedRounds told;
  while (method.stop_reason() == StopReason::none) {
    const method::Batch batch = method.ask();
    told[batch.round] = problem.evaluate(batch);
    method.tell(told[batch.round]);
  }
  Problem changed = problem;
  changed.observations.values.array() += 0.3;
  SubspaceVi goes_on(changed.space, changed.observations, options, std::nullopt,
                     DerivativeSource::vector_jacobian);
  EXPECT_FALSE(goes_on.has_target_of(method.state()));
  goes_on.recall(told);
  goes_on.rescore(method.state(), 0);
  const std::int64_t num_before = goes_on.num_evaluations();
  EXPECT_EQ(num_before, method.num_evaluations());
  while (goes_on.stop_reason() == StopReason::none) {
    goes_on.tell(changed.evaluate(goes_on.ask()));
  }
  const auto anew = solve(changed, options, DerivativeSource::vector_jacobian);
  EXPECT_LE(kl_divergence(whole(goes_on.answer()), whole(anew->answer())), 0.05);
  EXPECT_LE(goes_on.num_evaluations() - num_before, 2 * anew->num_evaluations());

  Problem moved = problem;
  moved.space.prior = space::Prior::diagonal(VectorXd::Constant(100, 0.2), VectorXd::Ones(100));
  SubspaceVi again(moved.space, moved.observations, options, std::nullopt,
                   DerivativeSource::vector_jacobian);
  again.recall(told);
  again.rescore(method.state(), 0);
  EXPECT_THAT(again.diagnostics().messages, Contains(HasSubstr("the prior has changed")));
  while (again.stop_reason() == StopReason::none) {
    again.tell(moved.evaluate(again.ask()));
  }
  EXPECT_LE(
      kl_divergence(whole(again.answer()),
                    whole(solve(moved, options, DerivativeSource::vector_jacobian)->answer())),
      0.05);
}

TEST(SubspaceVi, AnswersFromTheFewRunsThatItMayMake) {
  const Problem problem = curved();
  for (const int runs : {1, 2, 5, 12, 13, 30}) {
    for (const auto source :
         {DerivativeSource::none, DerivativeSource::jacobian, DerivativeSource::vector_jacobian,
          DerivativeSource::jacobian_vector}) {
      const auto solved =
          solve(problem, {.family = FamilyChoice::low_rank, .max_evaluations = runs}, source);
      EXPECT_LE(solved->num_evaluations(), runs);
      if (runs > 2) {
        ASSERT_TRUE(solved->posterior().has_value()) << runs << derivative_source_name(source);
        EXPECT_TRUE(std::isfinite(solved->posterior()->elbo));
      }
    }
  }
}

TEST(SubspaceVi, StopsWhereNothingSucceeds) {
  const Problem problem = curved();
  SubspaceVi method(problem.space, problem.observations, {}, std::nullopt,
                    DerivativeSource::vector_jacobian);
  while (method.stop_reason() == StopReason::none) {
    method::BatchResult result;
    result.evaluations.resize(static_cast<std::size_t>(method.ask().points.cols()));
    for (method::Evaluation& evaluation : result.evaluations) {
      evaluation.status = method::Status::crashed;
    }
    method.tell(result);
  }
  EXPECT_EQ(method.stop_reason(), StopReason::too_many_failures);
  EXPECT_FALSE(method.posterior().has_value());
}

TEST(SubspaceVi, StartsWhereItIsTold) {
  const Problem problem = curved();
  const Start start =
      space::Prior::diagonal(VectorXd::Constant(100, 0.4), VectorXd::Constant(100, 0.2));
  SubspaceVi method(problem.space, problem.observations, {}, start,
                    DerivativeSource::vector_jacobian);
  const MatrixXd first = method.ask().points;
  EXPECT_NEAR(first.mean(), 0.4, 0.03);
  EXPECT_NEAR(std::sqrt((first.array() - 0.4).square().mean()), 0.2, 0.03);
  while (method.stop_reason() == StopReason::none) {
    method.tell(problem.evaluate(method.ask()));
  }
  EXPECT_EQ(method.stop_reason(), StopReason::accuracy);
  EXPECT_LE(kl_divergence(whole(method.answer()),
                          whole(solve(problem, {}, DerivativeSource::vector_jacobian)->answer())),
            0.05);
}

TEST(SubspaceVi, StartsWhereTheFullFamilyEnded) {
  const Index d = 8;
  const MatrixXd factor = MatrixXd::Identity(d, d) + 0.1 * normals(31, d, d);
  VectorXd low = VectorXd::Constant(d, -HUGE_VAL);
  low.head(3).setConstant(-0.5);
  const auto none = space::Bounds::none(d);
  for (const Problem& problem :
       {curved(space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d)),
               space::Bounds(low, none.max())),
        curved(space::Prior::multivariate(VectorXd::Zero(d), factor * factor.transpose()), none)}) {
    const auto full = problem.solve({.accuracy = 0.1});
    const auto before = full->posterior();
    ASSERT_TRUE(before.has_value());
    const auto method =
        make_regression_vi(problem.space, problem.observations, {.family = FamilyChoice::low_rank},
                           {.start = full->best(), .can = {.jacobian = true}});
    const MatrixXd first = method->ask().points;
    EXPECT_LE((first.rowwise().mean() - before->mean).cwiseQuotient(before->std).norm(),
              1.2 * std::sqrt(static_cast<double>(d)))
        << "the mean of four draws";
    while (method->stop_reason() == StopReason::none) {
      method->tell(problem.evaluate(method->ask()));
    }
    EXPECT_EQ(method->stop_reason(), StopReason::accuracy);
    const auto from_prior =
        solve(problem, {.family = FamilyChoice::low_rank}, DerivativeSource::jacobian);
    EXPECT_NEAR(method->posterior()->elbo, from_prior->posterior()->elbo, 0.1);
  }
}

TEST(MakeRegressionVi, TakesFewDirectionsWhereAFullCovarianceIsUnreasonable) {
  const auto is_subspace = [](Index d, Index m, const RegressionViOptions& options,
                              const core::Capabilities& can) {
    const Problem problem =
        linear_problem(MatrixXd::Zero(m, d), VectorXd::Zero(m), 1.0,
                       space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d)));
    const auto method =
        make_regression_vi(problem.space, problem.observations, options, {.can = can});
    return dynamic_cast<const SubspaceVi*>(method.get()) != nullptr;
  };
  EXPECT_TRUE(is_subspace(501, 3, {}, {}));
  EXPECT_FALSE(is_subspace(500, 3, {}, {}));
  EXPECT_TRUE(is_subspace(4, 3, {.family = FamilyChoice::low_rank}, {}));
  EXPECT_FALSE(is_subspace(50, 30, {}, {.jacobian = true, .vector_jacobian = true}));
  EXPECT_TRUE(is_subspace(50, 30, {.derivatives = DerivativeUse::products},
                          {.jacobian = true, .vector_jacobian = true}));
  EXPECT_TRUE(is_subspace(50, 30, {}, {.vector_jacobian = true}));
  EXPECT_FALSE(is_subspace(50, 10, {}, {.vector_jacobian = true}));
  EXPECT_FALSE(
      is_subspace(50, 30, {.family = FamilyChoice::mean_field}, {.vector_jacobian = true}));
}

TEST(MakeRegressionVi, RefusesWhatFewDirectionsCannotDo) {
  const Problem problem = curved();
  const RegressionViOptions options{.family = FamilyChoice::low_rank};
  space::Space both = problem.space;
  both.prior = space::Prior::multivariate(VectorXd::Zero(100), MatrixXd::Identity(100, 100));
  VectorXd high = VectorXd::Constant(100, HUGE_VAL);
  high[3] = 2.0;
  both.bounds = space::Bounds(VectorXd::Constant(100, -HUGE_VAL), high);
  EXPECT_THROW(make_regression_vi(both, problem.observations, options, {}), Error);
}

TEST(SubspaceVi, GoesOnUnderAnotherNoise) {
  const Problem problem = curved();
  SubspaceVi method(problem.space, problem.observations, {}, std::nullopt,
                    DerivativeSource::vector_jacobian);
  method::RecordedRounds told;
  while (method.stop_reason() == StopReason::none) {
    const method::Batch batch = method.ask();
    told[batch.round] = problem.evaluate(batch);
    method.tell(told[batch.round]);
  }
  // The combinations of QoIs that vary are others in units of this noise.
  Problem changed = problem;
  VectorXd variances = problem.observations.noise.variances();
  variances.head(20) *= 0.05;
  changed.observations.noise = space::Noise::independent(variances);
  SubspaceVi goes_on(changed.space, changed.observations, {}, std::nullopt,
                     DerivativeSource::vector_jacobian);
  goes_on.recall(told);
  goes_on.rescore(method.state(), 0);
  while (goes_on.stop_reason() == StopReason::none) {
    goes_on.tell(changed.evaluate(goes_on.ask()));
  }
  EXPECT_EQ(goes_on.stop_reason(), StopReason::accuracy);
  const auto anew = solve(changed, {}, DerivativeSource::vector_jacobian);
  EXPECT_LE(kl_divergence(whole(goes_on.answer()), whole(anew->answer())), 0.05);
}

TEST(SubspaceVi, GoesBackToProbingWhereALimitCameTooSoon) {
  const Problem problem = curved();
  for (const int limit : {3, 12, 14, 30}) {
    SubspaceVi method(problem.space, problem.observations, {.max_evaluations = limit}, std::nullopt,
                      DerivativeSource::vector_jacobian);
    method::RecordedRounds told;
    while (method.stop_reason() == StopReason::none) {
      const method::Batch batch = method.ask();
      told[batch.round] = problem.evaluate(batch);
      method.tell(told[batch.round]);
    }
    SubspaceVi goes_on(problem.space, problem.observations, {}, std::nullopt,
                       DerivativeSource::vector_jacobian);
    goes_on.recall(told);
    goes_on.restore(method.state());
    while (goes_on.stop_reason() == StopReason::none) {
      goes_on.tell(problem.evaluate(goes_on.ask()));
    }
    EXPECT_EQ(goes_on.stop_reason(), StopReason::accuracy) << limit;
    EXPECT_LE(goes_on.num_evaluations(), 130) << limit;
  }
}

TEST(SubspaceVi, ResumesAFirstBatchThatWasCutAndAsksForTheRest) {
  const Problem problem = curved();
  for (const auto source : {DerivativeSource::none, DerivativeSource::jacobian,
                            DerivativeSource::vector_jacobian, DerivativeSource::jacobian_vector}) {
    const RegressionViOptions options{.family = FamilyChoice::low_rank, .max_evaluations = 200};
    SubspaceVi method(problem.space, problem.observations, options, std::nullopt, source);
    const MatrixXd all = method.ask().points;

    method.resume_first_batch(1);

    EXPECT_EQ(method.ask().points, all.leftCols(1));
    method.tell(problem.evaluate(method.ask()));
    EXPECT_EQ(method.ask().points.cols(), all.cols() - 1);
    while (method.stop_reason() == StopReason::none) {
      method.tell(problem.evaluate(method.ask()));
    }
    const bool shows_all_at_once =
        source == DerivativeSource::jacobian || source == DerivativeSource::vector_jacobian;
    EXPECT_EQ(method.stop_reason(),
              shows_all_at_once ? StopReason::accuracy : StopReason::max_evaluations)
        << derivative_source_name(source);
    EXPECT_TRUE(method.posterior().has_value());
    RegressionViOptions low = options;
    low.max_evaluations = 2;
    SubspaceVi lowered(problem.space, problem.observations, low, std::nullopt, source);
    lowered.resume_first_batch(3);
    EXPECT_EQ(lowered.stop_reason(), StopReason::max_evaluations);
  }
}

/// Rounds whose whole batch had been offered in the round before, by what they were for.
struct Known {
  int probes = 0;
  int searches = 0;
  int climbs = 0;
  int rounds = 0;  // of all, known or not
};

/// Beside a method that is not asked what comes; to the end.
Known run_with_offers(const Problem& problem, const RegressionViOptions& options,
                      DerivativeSource source) {
  SubspaceVi method(problem.space, problem.observations, options, std::nullopt, source);
  SubspaceVi other(problem.space, problem.observations, options, std::nullopt, source);
  Known known;
  std::vector<method::Question> offered;
  while (method.stop_reason() == StopReason::none) {
    const method::Batch batch = method.ask();
    EXPECT_EQ(batch.points, other.ask().points);
    bool is_known = true;
    for (Index i = 0; i < batch.points.cols(); ++i) {
      is_known = is_known && std::any_of(offered.begin(), offered.end(), [&](const auto& question) {
                   return method::is_same(question, batch.question(i));
                 });
    }
    const method::Batch ahead = method.ahead();
    EXPECT_EQ(method.ahead().points, ahead.points);
    EXPECT_LE(method.num_evaluations() + batch.points.cols() + ahead.points.cols(),
              options.max_evaluations);
    offered.clear();
    for (Index i = 0; i < ahead.points.cols(); ++i) {
      offered.push_back(ahead.question(i));
    }
    const auto stage_before = method.state().get<std::int64_t>("purpose");
    const method::BatchResult result = problem.evaluate(batch);
    method.tell(result);
    other.tell(result);
    if (is_known) {
      (stage_before == 0          ? known.probes
       : batch.points.cols() == 1 ? known.searches
                                  : known.climbs) += 1;
    }
    ++known.rounds;
  }
  expect_same_states(method, other);
  EXPECT_EQ(method.posterior()->samples, other.posterior()->samples);
  EXPECT_EQ(method.posterior()->weights, other.posterior()->weights);
  return known;
}

TEST(SubspaceVi, KnowsAheadWhatItProbesNext) {
  const Problem problem = curved();
  for (const auto source : {DerivativeSource::none, DerivativeSource::vector_jacobian,
                            DerivativeSource::jacobian_vector}) {
    const Known known = run_with_offers(
        problem, {.family = FamilyChoice::low_rank, .max_evaluations = 200}, source);
    EXPECT_GE(known.probes, 1) << derivative_source_name(source);
  }
}

TEST(SubspaceVi, KnowsAheadTheBatchesOfOtherStarts) {
  const Index d = 20;
  const MatrixXd factor = MatrixXd::Identity(d, d) + 0.1 * normals(31, d, d);
  const auto correlated =
      space::Prior::multivariate(VectorXd::Constant(d, 0.2), factor * factor.transpose());
  for (const Problem& problem : {curved(), curved(correlated, space::Bounds::none(d))}) {
    for (const auto source : {DerivativeSource::vector_jacobian, DerivativeSource::jacobian}) {
      const Known known = run_with_offers(
          problem, {.family = FamilyChoice::low_rank, .max_evaluations = 300, .starts = 4}, source);
      // By products, a single search begins at the run that the directions are from.
      EXPECT_GE(known.searches + known.climbs, source == DerivativeSource::jacobian ? 4 : 1);
    }
  }
}

TEST(SubspaceVi, GivesTheSameAnswerWithOffersWhereRunsFail) {
  Problem problem = curved();
  problem.num_runs_per_failure = 9;
  for (const auto source : {DerivativeSource::jacobian, DerivativeSource::vector_jacobian,
                            DerivativeSource::jacobian_vector}) {
    const Known known = run_with_offers(
        problem, {.family = FamilyChoice::low_rank, .max_evaluations = 150, .starts = 3}, source);
    EXPECT_GE(known.rounds, 5) << derivative_source_name(source);
  }
}

TEST(SubspaceVi, SketchesAgainWhereTheRunWithProductsFails) {
  const Problem problem = curved();
  SubspaceVi method(problem.space, problem.observations, {}, std::nullopt,
                    DerivativeSource::vector_jacobian);
  int num_failed = 0;
  while (method.stop_reason() == StopReason::none) {
    const method::Batch batch = method.ask();
    method::BatchResult result = problem.evaluate(batch);
    if (!batch.wanted_of(0).is_empty() && num_failed < 2) {
      result.evaluations.front() = {};
      result.evaluations.front().status = method::Status::crashed;
      ++num_failed;
    }
    method.tell(result);
  }
  EXPECT_EQ(num_failed, 2);
  EXPECT_EQ(method.stop_reason(), StopReason::accuracy);
  const auto untroubled = solve(problem, {}, DerivativeSource::vector_jacobian);
  EXPECT_LE(kl_divergence(whole(method.answer()), whole(untroubled->answer())), 0.05);
}

TEST(SubspaceVi, HasTheEvidenceOfTheFullFamilyWhereThereAreBounds) {
  const Index d = 4;
  const VectorXd low = VectorXd::Zero(d);
  const VectorXd high = VectorXd::Constant(d, HUGE_VAL);
  const MatrixXd matrix = normals(21, 6, d);
  Problem problem = linear_problem(matrix, matrix * VectorXd::Constant(d, 0.8), 0.04,
                                   space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d)));
  problem.space.bounds = space::Bounds(low, high);
  const auto solved =
      solve(problem, {.family = FamilyChoice::low_rank}, DerivativeSource::jacobian);
  RegressionVi full(problem.space, problem.observations, {}, std::nullopt,
                    DerivativeSource::jacobian);
  while (full.stop_reason() == StopReason::none) {
    full.tell(problem.evaluate(full.ask()));
  }
  EXPECT_NEAR(solved->posterior()->diagnostics.get<double>("log_evidence"),
              full.posterior()->diagnostics.get<double>("log_evidence"), 0.3);
  EXPECT_NEAR(solved->posterior()->elbo, full.posterior()->elbo, 0.5);
}

}  // namespace
}  // namespace invar::regression