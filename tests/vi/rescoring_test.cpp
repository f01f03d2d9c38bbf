// A state of run_vi is taken over by a study with another prior, other data or other noise.
#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/vi/run_vi.hpp"
#include "vi/linear_problem.hpp"

namespace invar::vi {
namespace {

using method::StopReason;

class FixedDraws final : public DrawSource {
 public:
  explicit FixedDraws(Eigen::MatrixXd normals) : normals_(std::move(normals)) {}
  Eigen::MatrixXd draw(const DrawBlock& /*block*/) override { return normals_; }

 private:
  Eigen::MatrixXd normals_;
};

RunViOptions options() {
  RunViOptions chosen;
  chosen.sample_size = 40;
  chosen.elbo_scaling_factor = 1.0;
  return chosen;
}

LinearProblem changed(LinearProblem problem) {
  problem.space.prior =
      space::Prior::diagonal(Eigen::Vector3d(0.4, 0.1, -0.2), Eigen::Vector3d(0.5, 0.9, 0.7));
  problem.observations = {.values = Eigen::Vector4d(0.9, -0.1, 0.4, 0.3),
                          .noise = space::Noise::independent(Eigen::Vector4d(0.2, 0.3, 0.4, 0.5))};
  return problem;
}

/// The state after some rounds under the old study.
method::State state_after(const LinearProblem& problem, int num_rounds) {
  RunVi method(problem.space, problem.observations, options());
  for (int i = 0; i < num_rounds; ++i) {
    method.tell(problem.evaluate(method.ask()));
  }
  return method.state();
}

const LinearProblem before = linear_problem(space::GaussianFamily::diagonal);

TEST(Rescoring, GivesWhatAFreshMethodGetsFromTheSameRuns) {
  const LinearProblem after = changed(before);
  const method::State state = state_after(before, 5);
  const Coordinates at{.mean = state.get<Eigen::VectorXd>("mean"),
                       .log_std = state.get<Eigen::VectorXd>("log_std")};
  const auto& samples = state.get<Eigen::MatrixXd>("samples");
  const Eigen::MatrixXd normals =
      ((samples.colwise() - at.mean).array().colwise() / at.std().array()).matrix();
  RunVi fresh(after.space, after.observations, options(),
              OptimizerStart{.coordinates = at, .correlation_cholesky = {}},
              std::make_unique<FixedDraws>(normals));
  fresh.tell(after.evaluate(fresh.ask()));
  RunVi method(after.space, after.observations, options());

  ASSERT_FALSE(method.has_target_of(state));
  method.rescore(state, 0);

  const auto& expected = *fresh.progress().accepted;
  const auto& found = *method.progress().accepted;
  EXPECT_NEAR(found.merit.elbo.value, expected.merit.elbo.value, 1e-11);
  EXPECT_LT((found.gradient.mean - expected.gradient.mean).norm(), 1e-10);
  EXPECT_LT((found.gradient.log_std - expected.gradient.log_std).norm(), 1e-10);
  EXPECT_LT((found.direction.mean - expected.direction.mean).norm(), 1e-10);
  EXPECT_EQ(method.diagnostics().scalar("rescored"), 1.0);
  EXPECT_EQ(method.diagnostics().scalar("elbo"), found.merit.elbo.value);
}

TEST(Rescoring, ForgetsWhatWasRememberedOfTheOldTarget) {
  const LinearProblem after = changed(before);
  const method::State state = state_after(before, 6);
  RunVi method(after.space, after.observations, options());

  method.rescore(state, 7);

  const auto& progress = method.progress();
  const double elbo = progress.accepted->merit.elbo.value;
  EXPECT_EQ(progress.accepted_elbos, std::vector<double>{elbo});
  EXPECT_EQ(progress.first_elbo, elbo);
  EXPECT_EQ(progress.best->elbo.value, elbo);
  EXPECT_EQ(progress.rejections, 0);
  EXPECT_EQ(progress.round, state.get<std::int64_t>("round") + 1);
  EXPECT_EQ(progress.evaluations, state.get<std::int64_t>("evaluations") + 7);
  EXPECT_EQ(progress.iteration, state.get<std::int64_t>("accepted_iteration") + 1);
}

TEST(Rescoring, IsContinuedToTheBitFromItsOwnState) {
  const LinearProblem after = changed(before);
  RunVi method(after.space, after.observations, options());
  method.rescore(state_after(before, 4), 0);
  RunVi restored(after.space, after.observations, options());

  ASSERT_TRUE(restored.has_target_of(method.state()));
  restored.restore(method.state());

  for (int i = 0; i < 3; ++i) {
    const method::Batch batch = method.ask();
    ASSERT_EQ(batch.points, restored.ask().points);
    method.tell(after.evaluate(batch));
    restored.tell(after.evaluate(batch));
  }
}

TEST(Rescoring, LeadsToThePosteriorOfTheChangedStudy) {
  const LinearProblem after = changed(before);
  RunViOptions chosen = options();
  chosen.sample_size = 400;
  RunVi first(before.space, before.observations, chosen);
  for (int i = 0; i < 20; ++i) {
    first.tell(before.evaluate(first.ask()));
  }
  RunVi method(after.space, after.observations, chosen);
  method.rescore(first.state(), 0);
  for (int i = 0; i < 60 && method.stop_reason() == StopReason::none; ++i) {
    method.tell(after.evaluate(method.ask()));
  }

  // Means of 400 draws: a tenth of a posterior standard deviation is two standard errors.
  const Eigen::VectorXd std = after.precision().inverse().diagonal().cwiseSqrt();
  const Eigen::VectorXd error = method.posterior()->mean - after.posterior_mean();
  EXPECT_LT((error.array() / std.array()).abs().maxCoeff(), 0.25);
}

TEST(Rescoring, BeginsAgainBeforeTheFirstState) {
  const LinearProblem after = changed(before);
  RunVi old(before.space, before.observations, options());
  RunVi method(after.space, after.observations, options());
  const Eigen::MatrixXd first = method.ask().points;

  method.rescore(old.state(), 40);

  const method::Batch batch = method.ask();
  EXPECT_EQ(batch.round, 1);
  EXPECT_EQ(batch.first_id, 40);
  EXPECT_NE(batch.points, first) << "the same draws again";
  EXPECT_EQ(method.candidate().mean, after.space.prior.mean());
}

TEST(Rescoring, IsNeededForEachPartOfTheTarget) {
  const method::State state = state_after(before, 2);
  const auto needs_it = [&](const LinearProblem& problem) {
    const RunVi method(problem.space, problem.observations, options());
    return !method.has_target_of(state);
  };
  LinearProblem prior = before;
  prior.space.prior = changed(before).space.prior;
  LinearProblem data = before;
  data.observations.values[2] += 1e-15;
  LinearProblem noise = before;
  noise.observations.noise = changed(before).observations.noise;

  EXPECT_FALSE(needs_it(before));
  EXPECT_TRUE(needs_it(prior));
  EXPECT_TRUE(needs_it(data));
  EXPECT_TRUE(needs_it(noise));
}

TEST(Rescoring, RefusesAStateOfAnotherFamily) {
  const LinearProblem other = linear_problem(space::GaussianFamily::multivariate);
  RunVi method(other.space, other.observations, options());

  EXPECT_THROW(method.rescore(state_after(before, 2), 0), Error);
}

TEST(Restoring, RefusesAStateOfAnotherTarget) {
  const LinearProblem after = changed(before);
  RunVi method(after.space, after.observations, options());

  EXPECT_THROW(method.restore(state_after(before, 2)), Error);
}

}  // namespace
}  // namespace invar::vi
