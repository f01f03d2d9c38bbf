#include <algorithm>
#include <cmath>
#include <limits>

#include "invar/vi/run_vi.hpp"
#include "vi/linear_problem.hpp"
#include "vi/recorded_options.hpp"

namespace invar::vi {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;
using recording::Json;
using ::testing::HasSubstr;

constexpr int max_rounds = 25;

struct Setting {
  const char* name;
  space::GaussianFamily family;
  bool has_bounds;
  bool has_rejections;
  Json options;
};

LinearProblem problem_of(const Setting& setting) {
  LinearProblem problem = linear_problem(setting.family);
  if (setting.has_bounds) {
    problem.space.bounds =
        space::Bounds(Eigen::Vector3d(-2.0, -3.0, -std::numeric_limits<double>::infinity()),
                      Eigen::Vector3d(2.0, std::numeric_limits<double>::infinity(),
                                      std::numeric_limits<double>::infinity()));
  }
  return problem;
}

/// Some evaluations fail, always the same ones.
method::BatchResult evaluate(const LinearProblem& problem, const method::Batch& batch) {
  method::BatchResult result = problem.evaluate(batch);
  for (std::size_t i = 0; i < result.evaluations.size(); ++i) {
    if ((static_cast<std::size_t>(batch.first_id) + i) % 11 == 3) {
      result.evaluations[i].status = method::Status::model_failed;
      result.evaluations[i].qois = {};
    }
  }
  return result;
}

/// Plays rounds to the end, keeping what was asked and the state after each.
struct Tape {
  std::vector<MatrixXd> asked;
  std::vector<method::State> states;  // before each round, and after the last
  StopReason stop = StopReason::none;
  VectorXd answer;
};

Tape play(RunVi& method, const LinearProblem& problem, int num_rounds) {
  Tape tape;
  tape.states.push_back(method.state());
  for (int i = 0; i < num_rounds && method.stop_reason() == StopReason::none; ++i) {
    const method::Batch batch = method.ask();
    tape.asked.push_back(batch.points);
    method.tell(evaluate(problem, batch));
    tape.states.push_back(method.state());
  }
  tape.stop = method.stop_reason();
  if (const auto posterior = method.posterior()) {
    tape.answer = posterior->mean;
  }
  return tape;
}

bool same_bits(const method::State& a, const method::State& b) {
  return a.values().size() == b.values().size() &&
         std::all_of(a.values().begin(), a.values().end(),
                     [&](const auto& entry) { return b.values().at(entry.first) == entry.second; });
}

class EverySetting : public ::testing::TestWithParam<Setting> {};

TEST_P(EverySetting, ContinuesToTheBitAfterEveryRound) {
  const LinearProblem problem = problem_of(GetParam());
  const RunViOptions options = recording::read_options(GetParam().options);
  RunVi whole(problem.space, problem.observations, options);
  const Tape expected = play(whole, problem, max_rounds);
  ASSERT_GT(expected.asked.size(), 3U);
  const bool has_rejections = std::any_of(
      expected.states.begin(), expected.states.end(),
      [](const method::State& state) { return state.get<std::int64_t>("rejections") > 0; });
  ASSERT_EQ(has_rejections, GetParam().has_rejections);

  for (std::size_t round = 0; round < expected.states.size(); ++round) {
    RunVi restored(problem.space, problem.observations, options);
    restored.restore(expected.states[round]);
    const Tape rest = play(restored, problem, static_cast<int>(expected.asked.size() - round));

    ASSERT_EQ(rest.asked.size(), expected.asked.size() - round);
    for (std::size_t i = 0; i < rest.asked.size(); ++i) {
      EXPECT_EQ(rest.asked[i], expected.asked[round + i]) << "restored " << round << ", ask " << i;
      EXPECT_TRUE(same_bits(rest.states[i + 1], expected.states[round + i + 1]));
    }
    EXPECT_TRUE(same_bits(rest.states.front(), expected.states[round]));
    EXPECT_EQ(rest.stop, expected.stop);
    EXPECT_EQ(rest.answer, expected.answer);
  }
}

const Json growing_search = {{"initial_step_size", 3.0},
                             {"step_size_growth_factor", 1.5},
                             {"line_search_sample_growth_factor", 1.4},
                             {"line_search_uncertainty_sigma", 0.5}};

INSTANTIATE_TEST_SUITE_P(
    RunVi, EverySetting,
    ::testing::Values(
        Setting{"Defaults", space::GaussianFamily::diagonal, false, false, {{"sample_size", 8}}},
        Setting{
            "NewtonCorrelatedGrowing",
            space::GaussianFamily::multivariate,
            true,
            true,
            {{"sample_size", 12},
             {"optimizer_method", "newton"},
             {"optimizer_config", {{"newton_metric", "natural"}, {"newton_hessian_type", "full"}}},
             {"baseline_method", "optimal"},
             {"line_search_config", growing_search}}},
        Setting{"QuasiRandomGrowing",
                space::GaussianFamily::diagonal,
                true,
                true,
                {{"sample_size", 8},
                 {"sampling_method", "rqmc"},
                 {"transform_map", "arctan"},
                 {"line_search_config", growing_search}}},
        Setting{"LegacyClip",
                space::GaussianFamily::multivariate,
                true,
                true,
                {{"sample_size", 10},
                 {"bounded_parameter_handling", "clip"},
                 {"optimizer_config", {{"gradient_method", "natural"}}},
                 {"line_search_method", "legacy"},
                 {"line_search_config",
                  {{"initial_step_size", 2.0}, {"relaxation_parameter", 1.05}}}}}),
    [](const auto& setting) { return setting.param.name; });

TEST(RunVi, HasAStateOfTheStatedSize) {
  const LinearProblem problem = linear_problem(space::GaussianFamily::multivariate);
  RunViOptions options;
  options.sample_size = 50;
  RunVi method(problem.space, problem.observations, options);
  method.tell(problem.evaluate(method.ask()));

  Eigen::Index num_numbers = 0;
  const method::State state = method.state();
  for (const auto& [name, value] : state.values()) {
    if (const auto* vector = std::get_if<VectorXd>(&value)) {
      num_numbers += vector->size();
    } else if (const auto* matrix = std::get_if<MatrixXd>(&value)) {
      num_numbers += matrix->size();
    }
  }

  // N (d + m) + d^2, ten vectors of length d, one draw block and one accepted ELBO.
  EXPECT_EQ(num_numbers, 50 * (3 + 4) + 9 + 10 * 3 + 2);
}

std::string problem_of(RunVi& method, const method::State& state) {
  try {
    method.restore(state);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "no error";
}

TEST(RunVi, RefusesTheStateOfAnotherSetting) {
  const LinearProblem problem = linear_problem(space::GaussianFamily::diagonal);
  RunVi method(problem.space, problem.observations, {});
  method.tell(problem.evaluate(method.ask()));
  const method::State state = method.state();
  RunViOptions options;
  options.elbo_scaling_factor = 7.0;
  RunVi scaled(problem.space, problem.observations, options);
  EXPECT_THAT(problem_of(scaled, state), HasSubstr("elbo_scaling_factor"));

  const LinearProblem other = linear_problem(space::GaussianFamily::multivariate);
  RunVi correlated(other.space, other.observations, {});
  EXPECT_THAT(problem_of(correlated, state), HasSubstr("family"));
}

TEST(RunVi, RefusesADamagedState) {
  const LinearProblem problem = linear_problem(space::GaussianFamily::diagonal);
  RunVi method(problem.space, problem.observations, {});
  method.tell(problem.evaluate(method.ask()));
  const method::State whole = method.state();
  const auto damaged = [&](const std::string& name, const method::StateValue& value) {
    method::State state = whole;
    state.set(name, value);
    return problem_of(method, state);
  };

  EXPECT_THAT(damaged("gradient_mean", VectorXd(VectorXd::Zero(2))), HasSubstr("gradient_mean"));
  EXPECT_THAT(damaged("qois", MatrixXd(MatrixXd::Zero(4, 2))), HasSubstr("qois"));
  EXPECT_THAT(damaged("rejections", std::int64_t{-1}), HasSubstr("rejections"));
  EXPECT_THAT(damaged("iteration", std::int64_t{1} << 40), HasSubstr("iteration"));
  EXPECT_THAT(damaged("stop_reason", std::string("tired")), HasSubstr("tired"));
  EXPECT_THAT(damaged("step_size", std::string("long")), HasSubstr("step_size"));
  EXPECT_THAT(damaged("block_sizes", VectorXd(VectorXd::Constant(1, -3.0))),
              HasSubstr("block_sizes"));
  EXPECT_THAT(damaged("format_version", std::int64_t{99}), HasSubstr("99"));
}

}  // namespace
}  // namespace invar::vi
