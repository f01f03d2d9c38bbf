#include "invar/vi/run_vi.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include <gmock/gmock.h>

#include "invar/core/random.hpp"
#include "vi/linear_problem.hpp"

namespace invar::vi {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::Status;
using method::StopReason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

class RunViTest : public ::testing::Test {
 protected:
  [[nodiscard]] RunVi make() const { return {problem.space, problem.observations, options}; }

  /// One round, with some evaluations changed on the way.
  void play(
      RunVi& method, const std::function<void(method::BatchResult&)>& change = [](auto&) {}) const {
    method::BatchResult result = problem.evaluate(method.ask());
    change(result);
    method.tell(result);
  }

  static void fail(method::BatchResult& result, std::size_t sample, Status status) {
    result.evaluations.at(sample).status = status;
    result.evaluations.at(sample).qois = {};
  }

  LinearProblem problem = linear_problem(space::GaussianFamily::diagonal);
  RunViOptions options;
};

TEST_F(RunViTest, AsksTheStartFirstAndThenOneCandidateAfterTheOther) {
  options.sample_size = 8;
  RunVi method = make();

  const method::Batch first = method.ask();
  EXPECT_EQ(first.round, 0);
  EXPECT_EQ(first.first_id, 0);
  EXPECT_EQ(first.points.rows(), 3);
  EXPECT_EQ(first.points.cols(), 8);
  EXPECT_EQ(method.candidate().mean, problem.space.prior.mean());
  EXPECT_FALSE(method.posterior().has_value());
  play(method);
  const method::Batch second = method.ask();

  EXPECT_EQ(second.round, 1);
  EXPECT_EQ(second.first_id, 8);
  EXPECT_EQ(method.ask().points, second.points);
  EXPECT_NE(second.points, first.points);
  EXPECT_TRUE(method.posterior().has_value());
}

TEST_F(RunViTest, FindsThePosteriorOfALinearModel) {
  problem = linear_problem(space::GaussianFamily::multivariate);
  options.sample_size = 256;
  options.sampling_method = SamplingMethod::rqmc;
  options.optimizer_method = OptimizerMethod::newton;
  options.optimizer_config = VINewtonOptimizerConfig{.newton_metric = NewtonMetric::natural,
                                                     .newton_hessian_type = NewtonHessianType::full,
                                                     .max_iterations = 30};
  options.line_search_config =
      VIStochasticNonmonotoneLineSearchConfig{.initial_step_size = 0.5, .max_step_size = 0.5};
  RunVi method = make();

  while (method.stop_reason() == StopReason::none) {
    play(method);
  }

  // The optimum over mean and std with the correlation of the prior: the posterior's mean exactly;
  // the noise of 256 draws moves it by about a tenth of a posterior std.
  EXPECT_EQ(method.stop_reason(), StopReason::max_iterations);
  const VectorXd off = method.posterior()->mean - problem.posterior_mean();
  const VectorXd std = problem.precision().inverse().diagonal().cwiseSqrt();
  EXPECT_LT(off.cwiseQuotient(std).cwiseAbs().maxCoeff(), 0.3);
}

TEST_F(RunViTest, ReportsTheSameColumnsInEveryRound) {
  options.sample_size = 8;
  RunVi method = make();
  const auto names = [&] {
    std::vector<std::string> all;
    for (const auto& [name, value] : method.diagnostics().scalars) {
      all.push_back(name);
    }
    return all;
  };

  play(method);
  EXPECT_THAT(names(),
              ElementsAre("iteration", "accepted", "elbo", "elbo_standard_error", "relative_mse",
                          "log_likelihood", "log_prior", "entropy", "step_size", "gradient_norm",
                          "gradient_snr", "consecutive_rejections", "num_dropped", "rescored"));
  const std::vector<std::string> first = names();
  EXPECT_EQ(method.diagnostics().scalar("iteration"), 0.0);
  play(method);
  EXPECT_EQ(names(), first);
  EXPECT_EQ(method.diagnostics().scalar("iteration"), 1.0);
  EXPECT_EQ(method.diagnostics().scalar("step_size"), 0.01);
  EXPECT_EQ(method.diagnostics().mean.size(), 3);
  EXPECT_EQ(method.diagnostics().std.size(), 3);
}

/// A line search with many rejections, which adds draws to each.
VIStochasticNonmonotoneLineSearchConfig long_steps() {
  return {.initial_step_size = 40.0,
          .max_step_size = 40.0,
          .step_size_decay_factor = 1.5,
          .line_search_sample_growth_factor = 1.3};
}

TEST_F(RunViTest, RunsAheadOnExactlyWhatItAsksAfterARejection) {
  for (const auto family : {space::GaussianFamily::diagonal, space::GaussianFamily::multivariate}) {
    problem = linear_problem(family);
    options.sample_size = 8;
    options.line_search_config = long_steps();
    RunVi method = make();
    int num_compared = 0;
    for (int round = 0; round < 60 && method.stop_reason() == StopReason::none; ++round) {
      method.ask();
      const method::Batch ahead = method.ahead();
      EXPECT_TRUE(method::have_same_bits(ahead.points, method.ahead().points));
      play(method);
      Eigen::Index at = 0;
      while (at < ahead.points.cols() && method.progress().rejections > 0) {
        const method::Batch asked = method.ask();
        ASSERT_TRUE(
            method::have_same_bits(ahead.points.middleCols(at, asked.points.cols()), asked.points));
        EXPECT_EQ(ahead.first_id + at, asked.first_id);
        at += asked.points.cols();
        ++num_compared;
        play(method);
      }
    }
    EXPECT_GT(num_compared, 3);
  }
}

TEST_F(RunViTest, GivesTheSameAnswerWhetherItIsAskedAheadOrNot) {
  options.sample_size = 8;
  options.line_search_config = long_steps();
  RunVi plain = make();
  RunVi looked_ahead = make();
  for (int round = 0; round < 40 && plain.stop_reason() == StopReason::none; ++round) {
    looked_ahead.ask();
    static_cast<void>(looked_ahead.ahead());
    play(plain);
    play(looked_ahead);
    EXPECT_TRUE(plain.state().values() == looked_ahead.state().values()) << round;
  }
}

TEST_F(RunViTest, OffersNothingBeforeThereIsAStepOrWhenTheSearchWouldEnd) {
  options.sample_size = 8;
  auto config = long_steps();
  config.max_step_size_decrease_trys = 2;
  options.line_search_config = config;
  options.optimizer_config = VIGradientOptimizerConfig{.max_iterations = 3};
  RunVi method = make();
  const auto lose_all = [](method::BatchResult& result) {
    for (std::size_t i = 0; i < result.evaluations.size(); ++i) {
      fail(result, i, Status::crashed);
    }
  };

  EXPECT_EQ(method.ahead().points.cols(), 0) << "nothing was asked";
  method.ask();
  EXPECT_EQ(method.ahead().points.cols(), 0) << "the first batch has no other step";
  play(method);
  for (const Eigen::Index num_offered : {11 + 14, 14, 0}) {  // 8 * 1.3 and 8 * 1.3^2, rounded up
    method.ask();
    EXPECT_EQ(method.ahead().points.cols(), num_offered);
    play(method, lose_all);
  }
  EXPECT_EQ(method.stop_reason(), StopReason::line_search_failed);
}

TEST_F(RunViTest, OffersNothingInTheLastIteration) {
  options.sample_size = 8;
  options.optimizer_config = VIGradientOptimizerConfig{.max_iterations = 2};
  RunVi method = make();
  play(method);

  method.ask();

  EXPECT_EQ(method.progress().iteration, 1);
  EXPECT_EQ(method.ahead().points.cols(), 0);
}

/// The default draws without some samples of the first block.
class ThinnedDraws : public DrawSource {
 public:
  ThinnedDraws(std::unique_ptr<DrawSource> draws, std::vector<Eigen::Index> kept)
      : draws_(std::move(draws)), kept_(std::move(kept)) {}

  MatrixXd draw(const DrawBlock& block) override {
    DrawBlock whole = block;
    whole.num_samples = kept_.back() + 1;
    return draws_->draw(whole)(Eigen::all, kept_);
  }

 private:
  std::unique_ptr<DrawSource> draws_;
  std::vector<Eigen::Index> kept_;
};

TEST_F(RunViTest, LeavesOutFailedEvaluationsAsIfTheyHadNotBeenDrawn) {
  for (const auto optimizer : {OptimizerMethod::gradient, OptimizerMethod::newton}) {
    options.optimizer_method = optimizer;
    options.sample_size = 8;
    RunVi failing = make();
    options.sample_size = 5;
    RunVi thinned(problem.space, problem.observations, options, std::nullopt,
                  std::make_unique<ThinnedDraws>(make_draw_source(options, 3),
                                                 std::vector<Eigen::Index>{0, 2, 4, 5, 7}));

    play(failing, [](method::BatchResult& result) {
      fail(result, 1, Status::timeout);
      result.evaluations.at(3).qois[2] = nan;  // calls itself ok
      fail(result, 6, Status::timeout);
    });
    play(thinned);

    const AcceptedState& a = *failing.progress().accepted;
    const AcceptedState& b = *thinned.progress().accepted;
    EXPECT_DOUBLE_EQ(a.merit.elbo.value, b.merit.elbo.value);
    EXPECT_DOUBLE_EQ(a.merit.elbo.standard_error, b.merit.elbo.standard_error);
    EXPECT_LT((a.direction.mean - b.direction.mean).norm(), 1e-12 * b.direction.norm());
    EXPECT_LT((a.samples - b.samples).norm(), 1e-13);
    EXPECT_EQ(failing.diagnostics().scalar("num_dropped"), 3.0);
    EXPECT_THAT(failing.diagnostics().messages,
                ElementsAre("3 of 8 evaluations were left out of the averages (1 non_finite, 2 "
                            "timeout)"));
    EXPECT_EQ(failing.posterior()->samples.cols(), 5);
  }
}

TEST_F(RunViTest, CountsQoisOfTheWrongNumberAsBadOutput) {
  RunVi method = make();

  play(method, [](method::BatchResult& result) { result.evaluations.at(0).qois.resize(2); });

  EXPECT_THAT(method.diagnostics().messages.at(0), HasSubstr("1 bad_output"));
}

TEST_F(RunViTest, SaysThatAQuasiRandomSetLostItsBalance) {
  options.sampling_method = SamplingMethod::rqmc;
  options.sample_size = 8;
  RunVi method = make();

  play(method, [](method::BatchResult& result) { fail(result, 0, Status::model_failed); });

  ASSERT_EQ(method.diagnostics().messages.size(), 1U);
  EXPECT_THAT(method.diagnostics().messages[0], HasSubstr("balance"));
}

TEST_F(RunViTest, DoesNotStartWithFewerThanTwoEvaluations) {
  options.sample_size = 4;
  RunVi method = make();

  play(method, [](method::BatchResult& result) {
    for (const std::size_t i : {0U, 1U, 3U}) {
      fail(result, i, Status::crashed);
    }
  });

  EXPECT_EQ(method.stop_reason(), StopReason::too_many_failures);
  EXPECT_FALSE(method.posterior().has_value());
  EXPECT_THAT(method.diagnostics().messages.back(), HasSubstr("cannot start"));
}

TEST_F(RunViTest, RejectsACandidateWithFewerThanTwoEvaluations) {
  options.sample_size = 4;
  RunVi method = make();
  play(method);

  play(method, [](method::BatchResult& result) {
    for (const std::size_t i : {0U, 1U, 3U}) {
      fail(result, i, Status::crashed);
    }
  });

  EXPECT_EQ(method.stop_reason(), StopReason::none);
  EXPECT_EQ(method.progress().rejections, 1);
  EXPECT_EQ(method.diagnostics().scalar("accepted"), 0.0);
  EXPECT_TRUE(std::isnan(method.diagnostics().scalar("elbo")));
  EXPECT_THAT(method.diagnostics().messages.back(), HasSubstr("rejected"));
}

TEST_F(RunViTest, DoesNotStartWhereTheFirstStateIsNotFinite) {
  RunVi method = make();

  play(method, [](method::BatchResult& result) {
    result.evaluations.at(0).qois.setConstant(1e200);  // its square is infinite
  });

  EXPECT_EQ(method.stop_reason(), StopReason::non_finite);
  EXPECT_FALSE(method.posterior().has_value());
  EXPECT_THAT(method.diagnostics().messages.back(), HasSubstr("cannot start"));
}

TEST_F(RunViTest, RejectsACandidateThatIsNotFinite) {
  RunVi method = make();
  play(method);

  play(method,
       [](method::BatchResult& result) { result.evaluations.at(0).qois.setConstant(1e200); });

  EXPECT_EQ(method.progress().rejections, 1);
}

TEST_F(RunViTest, StopsWhereTheGradientOfAnAcceptedStateIsNotFinite) {
  options.line_search_config = VIStochasticNonmonotoneLineSearchConfig{
      .relaxation_parameter = 1e300, .line_search_objective = LineSearchObjective::mse};
  problem.observations.noise = space::Noise::independent(VectorXd::Constant(4, 1e-200));
  options.covariance_regularization = 0.0;
  RunVi method = make();
  play(method);
  ASSERT_EQ(method.stop_reason(), StopReason::none);

  play(method, [](method::BatchResult& result) {
    result.evaluations.at(0).qois.setConstant(1e100);  // misfit 1e200, log-likelihood -1e400
  });

  EXPECT_EQ(method.diagnostics().scalar("accepted"), 1.0);
  EXPECT_EQ(method.stop_reason(), StopReason::non_finite);
  EXPECT_TRUE(method.posterior().has_value());
}

TEST_F(RunViTest, NamesTheFirstOfSeveralReasonsToStop) {
  const auto stop_with = [&](int max_iterations, double tolerance, int rounds) {
    options.optimizer_config = VIGradientOptimizerConfig{.gradient_norm_tolerance = tolerance,
                                                         .max_iterations = max_iterations};
    RunVi method = make();
    for (int i = 0; i < rounds; ++i) {
      play(method);
    }
    return method.stop_reason();
  };

  EXPECT_EQ(stop_with(1, 1e9, 1), StopReason::max_iterations);
  EXPECT_EQ(stop_with(2, 1e9, 1), StopReason::gradient_norm_tolerance);
  options.elbo_relative_tolerance = 1e9;
  EXPECT_EQ(stop_with(9, 1e9, 1), StopReason::gradient_norm_tolerance);  // not for the first state
  EXPECT_EQ(stop_with(2, 0.0, 2), StopReason::max_iterations);
  EXPECT_EQ(stop_with(9, 0.0, 2), StopReason::elbo_relative_tolerance);
}

TEST_F(RunViTest, EndsTheLineSearchAfterTooManyRejections) {
  options.line_search_config =
      VIStochasticNonmonotoneLineSearchConfig{.max_step_size_decrease_trys = 2};
  RunVi method = make();
  play(method);
  const VectorXd answer = method.posterior()->mean;

  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(method.stop_reason(), StopReason::none);
    play(method,
         [](method::BatchResult& result) { result.evaluations.at(0).qois.setConstant(1e200); });
  }

  EXPECT_EQ(method.stop_reason(), StopReason::line_search_failed);
  EXPECT_EQ(method.posterior()->mean, answer);
  EXPECT_EQ(method.progress().evaluations, 4 * 30);
}

TEST_F(RunViTest, ExtendsTheDrawsOfAnIterationWhenTheSampleGrows) {
  options.sample_size = 4;
  options.line_search_config = VIStochasticNonmonotoneLineSearchConfig{
      .step_size_decay_factor = 1.0, .line_search_sample_growth_factor = 1.5};
  RunVi method = make();
  play(method);

  const MatrixXd first = method.ask().points;
  play(method,
       [](method::BatchResult& result) { result.evaluations.at(0).qois.setConstant(1e200); });
  const MatrixXd second = method.ask().points;

  // The step did not shrink, so that the old samples are the same points.
  EXPECT_EQ(second.cols(), 6);
  EXPECT_EQ(second.leftCols(4), first);
}

TEST_F(RunViTest, KeepsTheBestStateBesideTheLast) {
  // Objective mse with a wide tolerance accepts worse ELBOs.
  options.line_search_config =
      VIStochasticNonmonotoneLineSearchConfig{.initial_step_size = 0.5,
                                              .max_step_size = 0.5,
                                              .relaxation_parameter = 1e6,
                                              .line_search_objective = LineSearchObjective::mse};
  options.sample_size = 4;
  RunVi method = make();
  double best = -std::numeric_limits<double>::infinity();

  for (int i = 0; i < 20; ++i) {
    play(method);
    best = std::max(best, method.diagnostics().scalar("elbo"));
  }

  const method::Posterior posterior = *method.posterior();
  EXPECT_EQ(posterior.optimizer.get<double>("best_elbo"), best);
  EXPECT_LT(posterior.elbo, best);
  EXPECT_NE(posterior.optimizer.get<VectorXd>("best_mean"), posterior.mean);
  EXPECT_EQ(posterior.mean, method.progress().accepted->coordinates.mean);
}

TEST_F(RunViTest, WarnsOnceWithTheNumbers) {
  options.sampling_method = SamplingMethod::rqmc;
  options.sample_size = 12;
  options.covariance_regularization = 1e-2;
  RunVi method = make();

  play(method);
  EXPECT_THAT(
      method.diagnostics().messages,
      ElementsAre(HasSubstr("covariance_regularization = 0.01"), HasSubstr("sample_size = 12")));
  EXPECT_THAT(method.diagnostics().messages.at(0), HasSubstr("0.3"));
  play(method);
  EXPECT_TRUE(method.diagnostics().messages.empty());
}

TEST_F(RunViTest, ReportsMomentsInPhysicalCoordinates) {
  problem.space.bounds =
      space::Bounds(Eigen::Vector3d(-2.0, -3.0, -std::numeric_limits<double>::infinity()),
                    Eigen::Vector3d(2.0, std::numeric_limits<double>::infinity(),
                                    std::numeric_limits<double>::infinity()));
  options.sample_size = 20000;
  RunVi method = make();
  play(method);

  const method::Posterior posterior = *method.posterior();

  // 20000 samples: five standard errors of the mean, and as much for the std.
  const VectorXd error = 5.0 * posterior.std / std::sqrt(20000.0);
  const VectorXd sampled = posterior.samples.rowwise().mean();
  const MatrixXd centred = posterior.samples.colwise() - sampled;
  const VectorXd sampled_std = (centred.rowwise().squaredNorm() / 20000.0).cwiseSqrt();
  EXPECT_TRUE(((posterior.mean - sampled).array().abs() < error.array()).all());
  EXPECT_TRUE(((posterior.std - sampled_std).array().abs() < error.array()).all());
  EXPECT_EQ(method.diagnostics().mean, posterior.mean);
}

TEST_F(RunViTest, InClipModeReportsTheGaussianItself) {
  problem.space.bounds =
      space::Bounds(Eigen::Vector3d::Constant(-0.5), Eigen::Vector3d::Constant(0.5));
  options.bounded_parameter_handling = BoundedParameterHandling::clip;
  RunVi method = make();
  play(method);

  const method::Posterior posterior = *method.posterior();

  EXPECT_EQ(posterior.mean, problem.space.prior.mean());
  EXPECT_LT((posterior.std - problem.space.prior.std()).norm(), 1e-15);
  EXPECT_LE(posterior.samples.maxCoeff(), 0.5);
}

TEST_F(RunViTest, RefusesOptionsOutOfRangeAndTooManyDimensionsForSobol) {
  options.sample_size = 1;
  EXPECT_THROW(make(), Error);

  options = {};
  options.sampling_method = SamplingMethod::rqmc;
  const Eigen::Index dimension = 3668;
  const space::Space large{
      .names = std::vector<std::string>(3668, "p"),
      .units = {},
      .prior = space::Prior::diagonal(VectorXd::Zero(dimension), VectorXd::Ones(dimension)),
      .bounds = space::Bounds::none(dimension)};
  try {
    const RunVi method(large, problem.observations, options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_THAT(error.what(), HasSubstr("3667"));
  }
}

class LinearEvaluator : public method::Evaluator {
 public:
  LinearEvaluator(const LinearProblem& problem, Eigen::Index num_lost)
      : problem_(problem), num_lost_(num_lost) {}

  void evaluate(const method::Batch& batch, const std::vector<Eigen::Index>& samples,
                const Sink& sink) override {
    method::BatchResult result = problem_.evaluate(batch);
    for (const Eigen::Index i : samples) {
      if (i >= num_lost_) {
        sink(i, std::move(result.evaluations[static_cast<std::size_t>(i)]));
      }
    }
  }

 private:
  const LinearProblem& problem_;
  Eigen::Index num_lost_;
};

TEST_F(RunViTest, RunsToItsEndWithAnEvaluator) {
  options.optimizer_config = VIGradientOptimizerConfig{.max_iterations = 4};
  RunVi method = make();
  LinearEvaluator evaluator(problem, 0);

  const RunViResult result = run_to_end(method, evaluator);

  EXPECT_EQ(result.stop_reason, StopReason::max_iterations);
  EXPECT_EQ(result.evaluations, method.progress().evaluations);
  EXPECT_EQ(result.variational_mean, method.posterior()->mean);
  EXPECT_EQ(result.variational_std, method.posterior()->std);
  EXPECT_EQ(result.parameter_samples.cols(), 30);
  EXPECT_EQ(result.qois, problem.model * result.parameter_samples);
}

TEST_F(RunViTest, EndsWithoutAnAnswerWhereNothingComesBack) {
  RunVi method = make();
  LinearEvaluator evaluator(problem, 30);

  const RunViResult result = run_to_end(method, evaluator);

  EXPECT_EQ(result.stop_reason, StopReason::too_many_failures);
  EXPECT_EQ(result.variational_mean.size(), 0);
}

}  // namespace
}  // namespace invar::vi
