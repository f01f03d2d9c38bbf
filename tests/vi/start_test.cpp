#include "invar/vi/start.hpp"

#include <cmath>
#include <limits>

#include "invar/vi/run_vi.hpp"
#include "vi/linear_problem.hpp"

namespace invar::vi {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using ::testing::HasSubstr;

constexpr StdLimits limits{.min = 1e-6, .max = 1e6};

struct Setting {
  explicit Setting(space::GaussianFamily family) : problem(linear_problem(family)) {}

  InitialState start_at(const Start& start) const {
    return initial_state(start, problem.space, Target(problem.space, problem.observations, options),
                         limits);
  }

  LinearProblem problem;
  RunViOptions options;
};

template <class Make>
std::string problem_of(ErrorKind kind, const Make& make) {
  try {
    make();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "no error";
}

TEST(InitialState, WithoutTransformIsTheGaussianItself) {
  const Setting setting(space::GaussianFamily::multivariate);

  const InitialState initial = setting.start_at(setting.problem.space.prior);

  const VectorXd std = initial.coordinates.std();
  EXPECT_EQ(initial.coordinates.mean, setting.problem.space.prior.mean());
  const MatrixXd covariance = std.asDiagonal() * initial.family.correlation() * std.asDiagonal();
  EXPECT_LT((covariance - setting.problem.space.prior.covariance()).norm(), 1e-11);
  EXPECT_TRUE(initial.warnings.empty());
}

TEST(InitialState, MovesTheGaussianThroughTheTransformByTheDeltaMethod) {
  Setting setting(space::GaussianFamily::diagonal);
  setting.problem.space.bounds =
      space::Bounds(Eigen::Vector3d(-2.0, -3.0, -1.0),
                    Eigen::Vector3d(2.0, 3.0, std::numeric_limits<double>::infinity()));
  const Target target(setting.problem.space, setting.problem.observations, setting.options);

  const InitialState initial = setting.start_at(setting.problem.space.prior);

  const VectorXd theta = target.transform().to_physical(initial.coordinates.mean);
  EXPECT_LT((theta - setting.problem.space.prior.mean()).norm(), 1e-14);
  const VectorXd spread =
      target.transform().jacobian(initial.coordinates.mean).cwiseProduct(initial.coordinates.std());
  EXPECT_LT((spread - setting.problem.space.prior.std()).norm(), 1e-14);
}

TEST(InitialState, WidensToTheLeastPhysicalSpread) {
  Setting setting(space::GaussianFamily::diagonal);
  setting.options.min_physical_variational_std_fraction = 0.1;
  setting.problem.space.bounds =
      space::Bounds(Eigen::Vector3d::Constant(-2.0), Eigen::Vector3d::Constant(2.0));
  const Target target(setting.problem.space, setting.problem.observations, setting.options);
  const Start start = space::Prior::diagonal(Eigen::Vector3d::Zero(), Eigen::Vector3d(1e-3, 1, 1));

  const InitialState initial = setting.start_at(start);

  const VectorXd spread =
      target.transform().jacobian(initial.coordinates.mean).cwiseProduct(initial.coordinates.std());
  EXPECT_NEAR(spread[0], 0.1 * 4.0, 1e-12);
  EXPECT_NEAR(spread[1], 1.0, 1e-12);
}

TEST(InitialState, RefusesAnotherFamilyOrDimension) {
  const Setting setting(space::GaussianFamily::diagonal);

  EXPECT_THAT(problem_of(ErrorKind::config,
                         [&] {
                           setting.start_at(
                               linear_problem(space::GaussianFamily::multivariate).space.prior);
                         }),
              HasSubstr("family"));
  EXPECT_THAT(problem_of(ErrorKind::config,
                         [&] {
                           setting.start_at(space::Prior::diagonal(Eigen::Vector2d::Zero(),
                                                                   Eigen::Vector2d::Ones()));
                         }),
              HasSubstr("expected 3 parameters"));
}

TEST(InitialState, RefusesAMeanOutsideTheBounds) {
  Setting setting(space::GaussianFamily::diagonal);
  setting.problem.space.bounds =
      space::Bounds(Eigen::Vector3d::Constant(0.0), Eigen::Vector3d::Constant(2.0));

  EXPECT_THAT(problem_of(ErrorKind::config, [&] { setting.start_at(setting.problem.space.prior); }),
              HasSubstr("`b`"));
}

/// Two nearly equal parameters, with standard deviations cut to `max_std`: the division makes the
/// correlation larger than 1.
InitialState nearly_singular_start(double max_std) {
  const Setting setting(space::GaussianFamily::multivariate);
  MatrixXd covariance = MatrixXd::Identity(3, 3);
  covariance(0, 1) = covariance(1, 0) = 1.0 - 1e-10;
  return initial_state(space::Prior::multivariate(Eigen::Vector3d::Zero(), covariance),
                       setting.problem.space,
                       Target(setting.problem.space, setting.problem.observations, setting.options),
                       {.min = 1e-6, .max = max_std});
}

TEST(InitialState, WarnsOfTheJitterThatItTook) {
  const InitialState initial = nearly_singular_start(1.0 - 1e-9);  // R_01 = 1 + 1.9e-9

  ASSERT_EQ(initial.warnings.size(), 1U);
  EXPECT_THAT(initial.warnings[0], HasSubstr("1e-08 was added"));
  EXPECT_TRUE(nearly_singular_start(1e6).warnings.empty());
}

TEST(InitialState, RefusesACorrelationThatNoJitterMends) {
  EXPECT_THAT(problem_of(ErrorKind::data, [] { nearly_singular_start(0.9); }),
              HasSubstr("not positive definite"));
}

TEST(InitialState, TakesOptimizerCoordinatesAsTheyAre) {
  const Setting setting(space::GaussianFamily::multivariate);
  const OptimizerStart start{
      .coordinates = {.mean = Eigen::Vector3d(1.0, 2.0, 3.0), .log_std = VectorXd::Zero(3)},
      .correlation_cholesky = MatrixXd::Identity(3, 3)};

  const InitialState initial = setting.start_at(start);

  EXPECT_EQ(initial.coordinates.mean, start.coordinates.mean);
  EXPECT_EQ(initial.coordinates.log_std, start.coordinates.log_std);
}

TEST(InitialState, RefusesOptimizerCoordinatesThatAreDamaged) {
  const Setting setting(space::GaussianFamily::diagonal);
  OptimizerStart start{.coordinates = {.mean = VectorXd::Zero(3), .log_std = VectorXd::Zero(2)},
                       .correlation_cholesky = {}};
  EXPECT_THAT(problem_of(ErrorKind::data, [&] { setting.start_at(start); }), HasSubstr("initial"));

  start.coordinates.log_std = VectorXd::Constant(3, std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(problem_of(ErrorKind::data, [&] { setting.start_at(start); }), HasSubstr("finite"));
}

TEST(BranchStart, ContinuesFromTheStateOfAnotherCampaign) {
  const Setting setting(space::GaussianFamily::multivariate);
  RunVi method(setting.problem.space, setting.problem.observations, setting.options);
  method.tell(setting.problem.evaluate(method.ask()));

  const OptimizerStart from_state =
      branch_start(method.state(), setting.problem.space, setting.options);
  const OptimizerStart from_posterior =
      branch_start(method.posterior()->optimizer, setting.problem.space, setting.options);

  const RunVi branch(setting.problem.space, setting.problem.observations, setting.options,
                     from_state);
  EXPECT_EQ(branch.candidate().mean, method.progress().accepted->coordinates.mean);
  EXPECT_EQ(from_posterior.coordinates.log_std, from_state.coordinates.log_std);
  EXPECT_EQ(from_posterior.correlation_cholesky, from_state.correlation_cholesky);
}

TEST(BranchStart, RefusesCoordinatesOfAnotherMeaning) {
  Setting setting(space::GaussianFamily::diagonal);
  const RunVi method(setting.problem.space, setting.problem.observations, setting.options);
  const method::State state = method.state();
  const auto branch = [&] { branch_start(state, setting.problem.space, setting.options); };

  setting.options.bounded_parameter_handling = BoundedParameterHandling::clip;
  EXPECT_THAT(problem_of(ErrorKind::config, branch), HasSubstr("bounded_parameter_handling"));
  setting.options = {};
  setting.problem.space.bounds =
      space::Bounds(Eigen::Vector3d::Constant(-9.0), Eigen::Vector3d::Constant(9.0));
  EXPECT_THAT(problem_of(ErrorKind::config, branch), HasSubstr("bounds_m"));
  setting.problem = linear_problem(space::GaussianFamily::multivariate);
  EXPECT_THAT(problem_of(ErrorKind::config, branch), HasSubstr("family"));
}

TEST(BranchStart, RefusesTheStateOfAnotherMethod) {
  const Setting setting(space::GaussianFamily::diagonal);
  method::State state;
  EXPECT_THAT(problem_of(ErrorKind::data,
                         [&] { branch_start(state, setting.problem.space, setting.options); }),
              HasSubstr("method"));

  state.set("method", std::string("minimize"));
  state.set("format_version", std::int64_t{1});
  EXPECT_THAT(problem_of(ErrorKind::data,
                         [&] { branch_start(state, setting.problem.space, setting.options); }),
              HasSubstr("minimize"));
}

}  // namespace
}  // namespace invar::vi
