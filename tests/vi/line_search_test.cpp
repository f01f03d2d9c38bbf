#include "invar/vi/line_search.hpp"

#include <limits>

namespace invar::vi {
namespace {

using Eigen::VectorXd;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

RunViOptions legacy(const VILegacyLineSearchConfig& config) {
  RunViOptions options;
  options.line_search_method = LineSearchMethod::legacy;
  options.line_search_config = config;
  return options;
}

RunViOptions stochastic(const VIStochasticNonmonotoneLineSearchConfig& config) {
  RunViOptions options;
  options.line_search_config = config;
  return options;
}

Merit merit(double elbo, double standard_error = 0.0, double relative_mse = 1.0) {
  return {.elbo = {.value = elbo, .standard_error = standard_error, .entropy = 0.0},
          .relative_mse = relative_mse};
}

bool accepts(const RunViOptions& options, const Merit& current, const Merit& candidate,
             const std::vector<double>& window = {0.0}) {
  return LineSearch(options).accepts({.current = current,
                                      .candidate = candidate,
                                      .accepted_elbos = window,
                                      .step_size = 0.5,
                                      .slope = 2.0});
}

TEST(LineSearch, KeepsStepSizesBelowTheLargest) {
  const LineSearch search(legacy({.initial_step_size = 3.0,
                                  .max_step_size = 2.0,
                                  .step_size_growth_factor = 1.5,
                                  .step_size_decay_factor = 4.0}));

  EXPECT_EQ(search.initial_step_size(), 2.0);
  EXPECT_EQ(search.grown(1.0), 1.5);
  EXPECT_EQ(search.grown(1.9), 2.0);
  EXPECT_EQ(search.shrunk(1.0), 0.25);
}

TEST(LineSearch, GrowsTheSampleWithRejections) {
  const LineSearch search(legacy({.line_search_sample_growth_factor = 1.3}));

  EXPECT_EQ(search.num_samples(6, 0), 6);
  EXPECT_EQ(search.num_samples(6, 1), 8);   // 7.8
  EXPECT_EQ(search.num_samples(6, 2), 11);  // 10.14
}

TEST(LineSearch, FailsAfterMoreRejectionsThanAllowed) {
  const LineSearch search(legacy({.max_step_size_decrease_trys = 5}));

  EXPECT_FALSE(search.has_failed(5));
  EXPECT_TRUE(search.has_failed(6));
}

TEST(LineSearch, CutsTheStepOfTheLogStandardDeviationsAlone) {
  RunViOptions options = legacy({.log_std_learning_rate_factor = 0.5});
  options.optimizer_config = VIGradientOptimizerConfig{.max_log_std_update = 0.3};
  const LineSearch search(options);
  const Coordinates from{.mean = Eigen::Vector2d(1.0, 2.0), .log_std = Eigen::Vector2d(0.0, 0.1)};
  const Direction direction{.mean = Eigen::Vector2d(10.0, -20.0),
                            .log_std = Eigen::Vector2d(0.4, -8.0)};

  const Coordinates to = search.step(from, direction, 1.0);

  EXPECT_EQ(to.mean, Eigen::Vector2d(11.0, -18.0));
  EXPECT_DOUBLE_EQ(to.log_std[0], 0.2);
  EXPECT_DOUBLE_EQ(to.log_std[1], -0.2);
}

TEST(LineSearch, PredictsTheSlopeWithBothLearningRates) {
  const LineSearch search(legacy({.log_std_learning_rate_factor = 0.5}));
  const GradientEstimate g{.mean = VectorXd::Ones(1), .log_std = 3.0 * VectorXd::Ones(1)};

  EXPECT_DOUBLE_EQ(search.slope(g, {.mean = 2.0 * VectorXd::Ones(1), .log_std = VectorXd::Ones(1)}),
                   2.0 + 0.5 * 3.0);
}

TEST(LineSearch, LegacyAllowsARelativeLoss) {
  const RunViOptions options = legacy({.relaxation_parameter = 1.5});

  EXPECT_TRUE(accepts(options, merit(-10.0), merit(-15.0)));
  EXPECT_FALSE(accepts(options, merit(-10.0), merit(-15.1)));
  EXPECT_TRUE(accepts(options, merit(10.0), merit(5.0)));
  EXPECT_FALSE(accepts(options, merit(10.0), merit(4.9)));
}

TEST(LineSearch, StochasticComparesWithTheBestOfTheWindowLessTheUncertainty) {
  const RunViOptions options =
      stochastic({.line_search_armijo_coefficient = 0.1, .line_search_uncertainty_sigma = 2.0});

  // 7 + 0.1 * 0.5 * 2 - 2 sqrt(0.3^2 + 0.4^2) = 6.1
  EXPECT_TRUE(accepts(options, merit(3.0, 0.3), merit(6.11, 0.4), {5.0, 7.0, 3.0}));
  EXPECT_FALSE(accepts(options, merit(3.0, 0.3), merit(6.09, 0.4), {5.0, 7.0, 3.0}));
}

TEST(LineSearch, OfObjectiveMseComparesTheMisfits) {
  for (const RunViOptions& options :
       {legacy({.relaxation_parameter = 1.5, .line_search_objective = LineSearchObjective::mse}),
        stochastic(
            {.relaxation_parameter = 1.5, .line_search_objective = LineSearchObjective::mse})}) {
    EXPECT_TRUE(accepts(options, merit(0.0, 0.0, 2.0), merit(-1e9, 0.0, 3.0)));
    EXPECT_FALSE(accepts(options, merit(0.0, 0.0, 2.0), merit(1e9, 0.0, 3.1)));
    EXPECT_FALSE(accepts(options, merit(0.0, 0.0, 2.0), merit(0.0, 0.0, nan)));
  }
}

TEST(LineSearch, RejectsWhatIsNotANumber) {
  EXPECT_FALSE(accepts(legacy({}), merit(0.0), merit(nan)));
  EXPECT_FALSE(accepts(stochastic({}), merit(0.0, 1.0), merit(nan, nan)));
}

}  // namespace
}  // namespace invar::vi
