#include "invar/vi/run_vi_options.hpp"

#include <string>
#include <vector>

#include "vi/recorded_options.hpp"

namespace invar::vi {
namespace {

using recording::Json;
using recording::read_options;
using ::testing::HasSubstr;

/// The message of the config error that reading gives.
std::string problem_of(const Json& map) {
  try {
    read_options(map);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    return error.what();
  }
  return "no error";
}

TEST(RunViTable, GivesTheReferencesDefaults) {
  const RunViOptions options = read_options(Json::object());

  EXPECT_EQ(options.optimizer_method, OptimizerMethod::gradient);
  const auto& gradient = std::get<VIGradientOptimizerConfig>(options.optimizer_config);
  EXPECT_EQ(gradient.gradient_method, GradientMethod::standard);
  EXPECT_EQ(gradient.gradient_norm_tolerance, 1e-5);
  EXPECT_EQ(gradient.min_variational_std, 1e-6);
  EXPECT_EQ(options.line_search_method, LineSearchMethod::stochastic_nonmonotone);
  const auto& search =
      std::get<VIStochasticNonmonotoneLineSearchConfig>(options.line_search_config);
  EXPECT_EQ(search.step_size_growth_factor, 1.05);
  EXPECT_EQ(search.line_search_uncertainty_sigma, 4.0);
  EXPECT_EQ(options.sample_size, 30);
  EXPECT_EQ(options.baseline_method, BaselineMethod::loo);
  EXPECT_EQ(options.bounded_parameter_handling, BoundedParameterHandling::transform);
  EXPECT_EQ(std::get<ElboScaling>(options.elbo_scaling_factor), ElboScaling::diag_mean);
  EXPECT_FALSE(options.elbo_relative_tolerance.has_value());
}

TEST(RunViTable, GivesTheOtherConfigsTheirOwnDefaults) {
  const RunViOptions options =
      read_options({{"optimizer_method", "newton"}, {"line_search_method", "legacy"}});

  const auto& newton = std::get<VINewtonOptimizerConfig>(options.optimizer_config);
  EXPECT_EQ(newton.gradient_norm_tolerance, 5e-5);
  EXPECT_EQ(newton.min_variational_std, 1e-8);
  EXPECT_EQ(newton.newton_hessian_type, NewtonHessianType::diagonal);
  const auto& legacy = std::get<VILegacyLineSearchConfig>(options.line_search_config);
  EXPECT_EQ(legacy.step_size_growth_factor, 1.01);
  EXPECT_EQ(legacy.step_size_decay_factor, 3.0);
  EXPECT_EQ(legacy.log_std_learning_rate_factor, 0.1);
}

TEST(RunViTable, AcceptsOtherSpellings) {
  const RunViOptions options = read_options(
      {{"optimizer_method", " Newton "},
       {"optimizer_config", {{"newton_metric", "Euclidean"}, {"newton_hessian_type", "dense"}}},
       {"line_search_method", "basic"},
       {"sampling_method", "Randomized_QMC"},
       {"transform_map", "atan"},
       {"elbo_scaling_factor", "trace"},
       {"baseline_method", "none"}});

  EXPECT_EQ(options.optimizer_method, OptimizerMethod::newton);
  const auto& newton = std::get<VINewtonOptimizerConfig>(options.optimizer_config);
  EXPECT_EQ(newton.newton_metric, NewtonMetric::standard);
  EXPECT_EQ(newton.newton_hessian_type, NewtonHessianType::full);
  EXPECT_EQ(options.line_search_method, LineSearchMethod::legacy);
  EXPECT_EQ(options.sampling_method, SamplingMethod::rqmc);
  EXPECT_EQ(options.transform_map, space::TransformMap::arctan);
  EXPECT_EQ(std::get<ElboScaling>(options.elbo_scaling_factor), ElboScaling::diag_trace);
  EXPECT_EQ(options.baseline_method, BaselineMethod::none);
}

TEST(RunViTable, TakesAnAbsentBaselineForLoo) {
  EXPECT_EQ(read_options({{"baseline_method", nullptr}}).baseline_method, BaselineMethod::loo);
}

TEST(RunViTable, ReadsScalesAsNumbers) {
  EXPECT_EQ(std::get<double>(read_options({{"elbo_scaling_factor", 0.25}}).elbo_scaling_factor),
            0.25);
  EXPECT_THAT(problem_of({{"elbo_scaling_factor", 0}}), HasSubstr("number > 0"));
  EXPECT_THAT(problem_of({{"elbo_scaling_factor", "median"}}), HasSubstr("diag_mean"));
}

TEST(RunViTable, ReadsEverySeed) {
  const std::uint64_t largest = ~std::uint64_t{0};

  EXPECT_EQ(read_options({{"random_seed", largest}}).random_seed, largest);
  EXPECT_THAT(problem_of({{"random_seed", -1}}), HasSubstr("random_seed"));
  EXPECT_THAT(problem_of({{"random_seed", 1.5}}), HasSubstr("random_seed"));
}

TEST(RunViTable, SaysWhichMethodAForeignKeyBelongsTo) {
  EXPECT_THAT(
      problem_of({{"optimizer_config", {{"newton_metric", "natural"}}}}),
      HasSubstr("`optimizer_config.newton_metric`: is a key of `optimizer_method: newton`"));
  EXPECT_THAT(problem_of({{"optimizer_method", "newton"},
                          {"optimizer_config", {{"gradient_method", "natural"}}}}),
              HasSubstr("is a key of `optimizer_method: gradient`"));
  EXPECT_THAT(problem_of({{"line_search_method", "legacy"},
                          {"line_search_config", {{"line_search_nonmonotone_window", 3}}}}),
              HasSubstr("is a key of `line_search_method: stochastic_nonmonotone`"));
  EXPECT_THAT(problem_of({{"optimizer_config", {{"max_iteration", 3}}}}),
              HasSubstr("did you mean `max_iterations`"));
}

struct BadOption {
  const char* key;
  Json map;
};

class EveryRange : public ::testing::TestWithParam<BadOption> {};

TEST_P(EveryRange, IsChecked) {
  EXPECT_THAT(problem_of(GetParam().map), HasSubstr(GetParam().key));
}

Json optimizer(const char* key, const Json& value) {
  return {{"optimizer_config", {{key, value}}}};
}

Json newton(const char* key, const Json& value) {
  return {{"optimizer_method", "newton"}, {"optimizer_config", {{key, value}}}};
}

Json search(const char* key, const Json& value) {
  return {{"line_search_config", {{key, value}}}};
}

INSTANTIATE_TEST_SUITE_P(
    RunViTable, EveryRange,
    ::testing::Values(
        BadOption{"sample_size", {{"sample_size", 1}}},
        BadOption{"sample_size", {{"sample_size", 2.5}}},
        BadOption{"covariance_regularization", {{"covariance_regularization", -1e-9}}},
        BadOption{"covariance_regularization", {{"covariance_regularization", ".inf"}}},
        BadOption{"elbo_relative_tolerance", {{"elbo_relative_tolerance", -0.1}}},
        BadOption{"transform_interior_margin", {{"transform_interior_margin", 0.5}}},
        BadOption{"min_physical_variational_std_fraction",
                  {{"min_physical_variational_std_fraction", -1.0}}},
        BadOption{"optimizer_method", {{"optimizer_method", "adam"}}},
        BadOption{"sampling_method", {{"sampling_method", "lhs"}}},
        BadOption{"baseline_method", {{"baseline_method", "mean"}}},
        BadOption{"gradient_method", optimizer("gradient_method", "steepest")},
        BadOption{"max_iterations", optimizer("max_iterations", 0)},
        BadOption{"max_log_std_update", optimizer("max_log_std_update", 0)},
        BadOption{"min_variational_std", optimizer("min_variational_std", 0)},
        BadOption{"max_variational_std", optimizer("max_variational_std", 1e-6)},
        BadOption{"gradient_norm_tolerance", optimizer("gradient_norm_tolerance", -1)},
        BadOption{"newton_regularization", newton("newton_regularization", 0)},
        BadOption{"newton_metric", newton("newton_metric", "fisher")},
        BadOption{"initial_step_size", search("initial_step_size", 0)},
        BadOption{"initial_step_size", search("initial_step_size", ".nan")},
        BadOption{"max_step_size", search("max_step_size", 0)},
        BadOption{"step_size_growth_factor", search("step_size_growth_factor", 0.9)},
        BadOption{"step_size_decay_factor", search("step_size_decay_factor", 0.9)},
        BadOption{"max_step_size_decrease_trys", search("max_step_size_decrease_trys", -1)},
        BadOption{"relaxation_parameter", search("relaxation_parameter", 0.5)},
        BadOption{"line_search_objective", search("line_search_objective", "rmse")},
        BadOption{"line_search_sample_growth_factor",
                  search("line_search_sample_growth_factor", 0.5)},
        BadOption{"line_search_sample_growth_factor",
                  search("line_search_sample_growth_factor", 1e3)},
        BadOption{"log_std_learning_rate_factor", search("log_std_learning_rate_factor", 0)},
        BadOption{"line_search_nonmonotone_window", search("line_search_nonmonotone_window", 0)},
        BadOption{"line_search_armijo_coefficient", search("line_search_armijo_coefficient", 1.5)},
        BadOption{"line_search_uncertainty_sigma", search("line_search_uncertainty_sigma", -1)}));

TEST(RunViTable, ExplainsEveryKeyOfBothConfigs) {
  const std::vector<options::Description> all = run_vi_table().describe("inference");

  const auto help_of = [&](const std::string& path) -> std::string {
    for (const options::Description& one : all) {
      EXPECT_FALSE(one.help.empty()) << one.path;
      if (one.path == path) {
        return one.help + " | " + one.default_text;
      }
    }
    return "missing";
  };
  EXPECT_THAT(help_of("inference.optimizer_config.newton_metric"),
              HasSubstr("optimizer_method: newton only"));
  EXPECT_THAT(help_of("inference.optimizer_config.min_variational_std"),
              HasSubstr("1e-06 (gradient), 1e-08 (newton)"));
  EXPECT_THAT(help_of("inference.line_search_config.line_search_nonmonotone_window"),
              HasSubstr("stochastic_nonmonotone only"));
  EXPECT_THAT(help_of("inference.sample_size"), HasSubstr("30"));
}

TEST(Validate, AcceptsTheDefaultsOfEveryMethod) {
  RunViOptions options;
  EXPECT_NO_THROW(validate(options));
  options.optimizer_method = OptimizerMethod::newton;
  options.line_search_method = LineSearchMethod::legacy;
  EXPECT_NO_THROW(validate(options));
}

std::string validation_problem(const RunViOptions& options) {
  try {
    validate(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    return error.what();
  }
  return "no error";
}

TEST(Validate, ListsWhatIsOutOfRange) {
  RunViOptions options;
  options.sample_size = 1;
  options.optimizer_config =
      VIGradientOptimizerConfig{.min_variational_std = 2.0, .max_variational_std = 1.0};

  const std::string problem = validation_problem(options);

  EXPECT_THAT(problem, HasSubstr("sample_size"));
  EXPECT_THAT(problem, HasSubstr("max_variational_std"));
}

TEST(Validate, RefusesAConfigOfTheOtherMethod) {
  RunViOptions options;
  options.optimizer_config = VINewtonOptimizerConfig{};
  EXPECT_THAT(validation_problem(options), HasSubstr("optimizer_config"));

  options = {};
  options.line_search_config = VILegacyLineSearchConfig{};
  EXPECT_THAT(validation_problem(options), HasSubstr("line_search_config"));
}

}  // namespace
}  // namespace invar::vi
