#include "invar/vi/reweighting.hpp"

#include <gtest/gtest.h>

#include "invar/vi/draws.hpp"
#include "vi/linear_problem.hpp"

namespace invar::vi {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Runs of the linear model from two members of the family, of which one alone misses much.
DrawnRuns draw(const LinearProblem& problem, const Family& family, Eigen::Index per_proposal) {
  const auto source = make_draw_source({}, 3);
  DrawnRuns runs;
  runs.num_drawn.assign(2, static_cast<double>(per_proposal));
  runs.proposals = {
      {.mean = Eigen::Vector3d(0.6, -0.2, 0.2), .log_std = VectorXd::Constant(3, -0.3)},
      {.mean = Eigen::Vector3d(-0.2, 0.4, 0.8), .log_std = VectorXd::Constant(3, 0.1)}};
  MatrixXd x(3, 2 * per_proposal);
  for (std::size_t r = 0; r < 2; ++r) {
    const MatrixXd normals = source->draw({.iteration = static_cast<std::uint32_t>(r),
                                           .block = 0,
                                           .num_dimensions = 3,
                                           .num_samples = per_proposal});
    x.middleCols(static_cast<Eigen::Index>(r) * per_proposal, per_proposal) =
        family.points(runs.proposals[r], normals);
    runs.origin.insert(runs.origin.end(), static_cast<std::size_t>(per_proposal), r);
  }
  runs.points = {.x = x, .physical = x};
  runs.qois = problem.model * x;
  return runs;
}

class Reweighting : public ::testing::TestWithParam<space::GaussianFamily> {};

TEST_P(Reweighting, FindsThePosteriorAndTheEvidenceOfALinearModel) {
  const LinearProblem problem = linear_problem(GetParam());
  RunViOptions options;
  options.covariance_regularization = 0.0;
  const Target target(problem.space, problem.observations, options);
  MatrixXd correlation = MatrixXd::Identity(3, 3);
  correlation(1, 0) = 0.4;
  correlation.row(1).normalize();
  const Family family = GetParam() == space::GaussianFamily::diagonal
                            ? Family::diagonal(3)
                            : Family::correlated(correlation);
  const DrawnRuns runs = draw(problem, family, 4000);

  const VectorXd log_weights = log_balance_weights(target, family, runs);

  const VectorXd raw = log_weights.array().exp();
  const VectorXd weights = raw / raw.sum();
  const double effective = 1.0 / weights.squaredNorm();
  ASSERT_GT(effective, 1000);
  const VectorXd mean = runs.points.x * weights;
  const VectorXd std = problem.precision().inverse().diagonal().cwiseSqrt();
  // Four standard errors of a mean over that many effective draws.
  const double tolerance = 4.0 / std::sqrt(effective);
  EXPECT_LT(((mean - problem.posterior_mean()).array() / std.array()).abs().maxCoeff(), tolerance);
  const MatrixXd centred = runs.points.x.colwise() - mean;
  const VectorXd variances = (centred.array().square().matrix() * weights);
  EXPECT_LT((variances.array() / std.array().square() - 1.0).abs().maxCoeff(), 2 * tolerance);
  EXPECT_NEAR(std::log(raw.mean()), problem.log_evidence(), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Families, Reweighting,
                         ::testing::Values(space::GaussianFamily::diagonal,
                                           space::GaussianFamily::multivariate));

TEST(Reweighting, GivesEqualWeightsWhereTheProposalIsTheTarget) {
  LinearProblem problem = linear_problem(space::GaussianFamily::diagonal);
  problem.model.setZero();  // the posterior is the prior
  const Target target(problem.space, problem.observations, {});
  DrawnRuns runs = draw(problem, Family::diagonal(3), 10);
  const Coordinates prior{.mean = problem.space.prior.mean(),
                          .log_std = problem.space.prior.std().array().log()};
  runs.proposals = {prior, prior};

  const VectorXd log_weights = log_balance_weights(target, Family::diagonal(3), runs);

  EXPECT_LT(log_weights.maxCoeff() - log_weights.minCoeff(), 1e-12);
}

}  // namespace
}  // namespace invar::vi
