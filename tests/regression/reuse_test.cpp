// Runs of earlier campaigns: their weights, whatever their coordinates, and what they save.
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include <Eigen/Dense>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"
#include "invar/regression/regression_vi.hpp"
#include "regression/problem.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;
using space::TransformMap;
using ::testing::HasSubstr;

space::Transform transform(double min, double max, TransformMap map = TransformMap::sigmoid,
                           double margin = 0.0) {
  return {space::Bounds(VectorXd::Constant(1, min), VectorXd::Constant(1, max)), map, margin};
}

Gaussian narrow(double mean, double std) {
  return {.mean = VectorXd::Constant(1, mean), .lower = MatrixXd::Constant(1, 1, std)};
}

TEST(CoordinateChange, KeepsTheMassOfADensity) {
  const std::pair<space::Transform, space::Transform> pairs[] = {
      {transform(-1.0, 2.0), transform(-1.0, 2.0, TransformMap::arctan)},
      {transform(-1.0, 2.0), transform(-HUGE_VAL, HUGE_VAL)},
      {transform(-HUGE_VAL, HUGE_VAL), transform(-9.0, HUGE_VAL)},
      {transform(0.0, 1.0, TransformMap::sigmoid, 0.1), transform(-HUGE_VAL, 3.0)},
      {transform(0.0, 1.0), transform(0.0, 2.0)}};
  for (const auto& [theirs, ours] : pairs) {
    const CoordinateChange change(theirs, ours);
    const Gaussian q = narrow(0.3, 0.6);
    constexpr Index n = 400001;
    const VectorXd x = VectorXd::LinSpaced(n, -40.0, 40.0);

    const VectorXd density = change.log_density(q, x.transpose()).array().exp();

    EXPECT_NEAR(density.sum() * (x[1] - x[0]), 1.0, 1e-4);
    EXPECT_FALSE(change.is_identity());
  }
}

TEST(CoordinateChange, MovesPointsToWhereTheyAreTheSameParameters) {
  const space::Transform theirs = transform(-1.0, 2.0);
  const space::Transform ours = transform(-1.5, HUGE_VAL);
  const CoordinateChange change(theirs, ours);
  const MatrixXd x = VectorXd::LinSpaced(9, -4.0, 4.0).transpose();

  const auto moved = change.to_ours(x);

  ASSERT_EQ(moved.x.cols(), 9);
  EXPECT_LT((ours.to_physical(moved.x) - theirs.to_physical(x)).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_LT((change.to_theirs(moved.x).x - x).cwiseAbs().maxCoeff(), 1e-12);
}

TEST(CoordinateChange, LeavesOutWhatIsOutsideTheBounds) {
  const CoordinateChange change(transform(-HUGE_VAL, HUGE_VAL), transform(0.0, 1.0));
  const MatrixXd theirs = (MatrixXd(1, 5) << -0.1, 0.0, 0.5, 1.0, 1.1).finished();

  EXPECT_EQ(change.to_ours(theirs).columns, std::vector<Index>{2});

  const CoordinateChange back(transform(0.0, 1.0), transform(-HUGE_VAL, HUGE_VAL));
  const VectorXd density = back.log_density(narrow(0.0, 1.0), theirs);
  EXPECT_EQ(density[0], -HUGE_VAL);
  EXPECT_EQ(density[1], -HUGE_VAL);
  EXPECT_TRUE(std::isfinite(density[2]));
  EXPECT_EQ(density[4], -HUGE_VAL);
}

TEST(CoordinateChange, IsNoneBetweenTheSameCoordinates) {
  EXPECT_TRUE(CoordinateChange(transform(0.0, 1.0), transform(0.0, 1.0)).is_identity());
  EXPECT_TRUE(CoordinateChange(transform(-HUGE_VAL, HUGE_VAL),
                               transform(-HUGE_VAL, HUGE_VAL, TransformMap::arctan, 0.1))
                  .is_identity());
  EXPECT_FALSE(
      CoordinateChange(transform(0.0, 1.0), transform(0.0, 1.0, TransformMap::sigmoid, 0.1))
          .is_identity());
}

TEST(Runs, AreWeighedByProposalsOfOtherCoordinates) {
  // Uniform on (0, 1) as a logistic variable would have it, by hand.
  const space::Transform theirs = transform(0.0, 1.0);
  const space::Transform ours = transform(-HUGE_VAL, HUGE_VAL);
  const Gaussian first = narrow(0.2, 0.8);
  const Gaussian second = narrow(0.6, 0.5);
  const MatrixXd x = (MatrixXd(1, 4) << 0.2, 0.5, 0.9, 1.3).finished();
  Runs runs(1, 1);

  runs.add(
      Proposal{.gaussian = first, .change = std::make_shared<const CoordinateChange>(theirs, ours)},
      5.0, x.leftCols(2), MatrixXd::Zero(1, 2), {});
  runs.add(second, 3.0, x.rightCols(2), MatrixXd::Zero(1, 2), {});

  VectorXd expected(4);
  for (Index i = 0; i < 4; ++i) {
    const double theta = x(0, i);
    double mixture = 3.0 / 8.0 * std::exp(second.log_density(x.col(i))[0]);
    if (theta < 1.0) {
      const MatrixXd logit = MatrixXd::Constant(1, 1, std::log(theta / (1.0 - theta)));
      mixture += 5.0 / 8.0 * std::exp(first.log_density(logit)[0]) / (theta * (1.0 - theta));
    }
    expected[i] = -std::log(mixture);
  }
  EXPECT_LT((runs.log_mixture() + expected).cwiseAbs().maxCoeff(), 1e-12);
}

TEST(Runs, AreFineWhereNoOtherProposalReaches) {
  Runs runs(1, 1);
  const auto unit =
      std::make_shared<const CoordinateChange>(transform(0.0, 1.0), transform(-HUGE_VAL, HUGE_VAL));
  for (int i = 0; i < 2; ++i) {
    runs.add(Proposal{.gaussian = narrow(0.0, 1.0), .change = unit}, 2.0, MatrixXd(1, 0),
             MatrixXd(1, 0), {});
  }
  runs.add(narrow(3.0, 1.0), 4.0, MatrixXd::Constant(1, 1, 3.0), MatrixXd::Zero(1, 1), {});

  EXPECT_NEAR(runs.log_mixture()[0], std::log(0.5) - 0.5 * std::log(2.0 * std::acos(-1.0)), 1e-12);
}

EarlierRuns some_runs() {
  EarlierRuns runs{.origin = "first",
                   .transform = transform(0.0, 2.0, TransformMap::arctan, 0.1),
                   .batches = {}};
  runs.batches.push_back({.stream = 4,
                          .drawn_from = narrow(0.5, 2.0),
                          .num_drawn = 3.0,
                          .x = MatrixXd::Random(1, 2),
                          .qois = MatrixXd::Random(3, 2),
                          .jacobians = {MatrixXd(), MatrixXd::Random(3, 1)}});
  runs.batches.push_back({.stream = 5,
                          .drawn_from = narrow(0.1, 1.0),
                          .num_drawn = 2.0,
                          .x = MatrixXd(1, 0),
                          .qois = MatrixXd(3, 0)});
  runs.batches.push_back({.stream = 7,
                          .drawn_from = narrow(0.2, 1.0),
                          .num_drawn = 1.0,
                          .x = MatrixXd::Random(1, 1),
                          .qois = MatrixXd::Random(3, 1)});
  return runs;
}

TEST(EarlierRuns, AreTheSameFromTheirState) {
  const EarlierRuns runs = some_runs();

  EarlierRuns again = EarlierRuns::from_state(runs.to_state());

  EXPECT_EQ(again.to_state().values(), runs.to_state().values());
  EXPECT_EQ(again.num_runs(), 3);
  ASSERT_EQ(again.batches.size(), 3U);
  EXPECT_EQ(again.batches[0].jacobians[0].size(), 0);
  EXPECT_EQ(again.batches[0].jacobians[1], runs.batches[0].jacobians[1]);
  EXPECT_TRUE(again.batches[2].jacobians.empty());
  EXPECT_EQ(leave_out_known(again, {runs}), 3);
  EXPECT_TRUE(again.batches.empty());
}

TEST(EarlierRuns, AreRefusedWhenTheirStateIsWrong) {
  const auto changed = [](const char* name, const method::StateValue& value) {
    method::State state = some_runs().to_state();
    state.set(name, value);
    return state;
  };
  EXPECT_THROW(EarlierRuns::from_state({}), Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("kind", std::string("state"))), Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("format_version", std::int64_t{2})), Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("transform_map", std::string("none"))), Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("transform_interior_margin", 0.5)), Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("num_good", VectorXd(Eigen::Vector3d(2, 0, 0)))),
               Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("num_drawn", VectorXd(Eigen::Vector3d(1, 2, 1)))),
               Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("streams", VectorXd(Eigen::Vector3d(1, -2, 1)))),
               Error);
  EXPECT_THROW(
      EarlierRuns::from_state(changed("num_drawn", VectorXd(Eigen::Vector3d(3, HUGE_VAL, 1)))),
      Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("proposals", MatrixXd(MatrixXd::Zero(1, 6)))),
               Error);
  EXPECT_THROW(
      EarlierRuns::from_state(changed("proposals", MatrixXd(MatrixXd::Constant(1, 6, NAN)))),
      Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("x", MatrixXd(2, 3))), Error);
  EXPECT_THROW(EarlierRuns::from_state(changed("x", MatrixXd(MatrixXd::Constant(1, 3, NAN)))),
               Error);
  EXPECT_THROW(
      EarlierRuns::from_state(changed("runs_with_jacobian", VectorXd(VectorXd::Constant(1, NAN)))),
      Error);
}

/// A campaign without a directory.
class Campaign {
 public:
  Campaign(const Problem& problem, const RegressionViOptions& options,
           std::optional<Start> start = std::nullopt)
      : problem_(&problem), options_(options), start_(std::move(start)), method_(make()) {}

  void reuse(const std::vector<EarlierRuns>& earlier) {
    earlier_ = earlier;
    method_ = make();
  }

  [[nodiscard]] std::unique_ptr<RegressionVi> make() const {
    auto made = std::make_unique<RegressionVi>(problem_->space, problem_->observations, options_,
                                               start_, problem_->source());
    if (!earlier_.empty()) {
      made->reuse(earlier_);
    }
    return made;
  }

  void run() {
    while (method_->stop_reason() == StopReason::none) {
      round();
    }
  }

  void round() {
    const method::Batch batch = method_->ask();
    told_[batch.round] = problem_->evaluate(batch);
    points_.push_back(batch.points);
    method_->tell(told_[batch.round]);
  }

  [[nodiscard]] EarlierRuns runs() const {
    EarlierRuns found = earlier_runs(method_->state(), told_, problem_->space, options_);
    found.origin = "first";
    return found;
  }

  [[nodiscard]] RegressionVi& method() const { return *method_; }
  [[nodiscard]] const method::RecordedRounds& told() const { return told_; }
  [[nodiscard]] const std::vector<MatrixXd>& points() const { return points_; }

 private:
  const Problem* problem_;
  RegressionViOptions options_;
  std::optional<Start> start_;
  std::vector<EarlierRuns> earlier_;
  std::unique_ptr<RegressionVi> method_;
  method::RecordedRounds told_;
  std::vector<MatrixXd> points_;
};

MatrixXd some_matrix() {
  return core::standard_normals({.seed = 3, .purpose = core::Purpose::test}, 9, 5);
}

Problem linear() {
  return {.space = make_space(VectorXd::Zero(5), VectorXd::Ones(5)),
          .observations = {.values = some_matrix() * VectorXd::LinSpaced(5, -1.0, 1.0) +
                                     VectorXd::LinSpaced(9, -0.3, 0.3),
                           .noise = space::Noise::independent(VectorXd::Constant(9, 0.04))},
          .model = [](const VectorXd& p) -> VectorXd { return some_matrix() * p; }};
}

Gaussian linear_posterior(const Problem& problem) {
  const MatrixXd matrix = some_matrix();
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

/// Mildly nonlinear.
Problem curved() {
  return {.space = make_space(VectorXd::Zero(3), VectorXd::Ones(3)),
          .observations = {.values = Eigen::Vector4d(0.7, -0.4, 1.2, 0.1),
                           .noise = space::Noise::independent(VectorXd::Constant(4, 0.04))},
          .model = [](const VectorXd& p) -> VectorXd {
            return Eigen::Vector4d(p[0] + 0.3 * p[0] * p[1], p[1] + 0.1 * p[0] * p[0],
                                   std::exp(0.3 * p[2]), p[0] - p[2]);
          }};
}

Problem curved_with_jacobians() {
  Problem problem = curved();
  problem.jacobian = [](const VectorXd& p) -> MatrixXd {
    MatrixXd j(4, 3);
    j << 1.0 + 0.3 * p[1], 0.3 * p[0], 0.0, 0.2 * p[0], 1.0, 0.0, 0.0, 0.0,
        0.3 * std::exp(0.3 * p[2]), 1.0, 0.0, -1.0;
    return j;
  };
  return problem;
}

TEST(Reuse, AnswersALinearProblemUnderAnythingElseWithACheckAlone) {
  const Problem before = linear();
  Campaign first(before, {});
  first.run();
  Problem other_data = before;
  other_data.observations.values += some_matrix() * VectorXd::Constant(5, 0.3);
  Problem other_noise = before;
  other_noise.observations.noise = space::Noise::independent(VectorXd::LinSpaced(9, 0.03, 0.08));
  Problem other_prior = before;
  other_prior.space = make_space(VectorXd::Constant(5, 0.2), VectorXd::Constant(5, 0.7));
  for (const Problem& after : {before, other_data, other_noise, other_prior}) {
    Campaign alone(after, {.random_seed = 2});
    alone.run();
    Campaign second(after, {.random_seed = 2});
    second.reuse({first.runs()});
    second.run();

    EXPECT_EQ(second.method().stop_reason(), StopReason::accuracy);
    EXPECT_EQ(second.method().num_reused(), first.method().num_evaluations());
    // Nothing to explore is left: one batch that confirms an exact fit.
    EXPECT_EQ(second.method().num_evaluations(), 4);
    EXPECT_LT(second.method().num_evaluations(), alone.method().num_evaluations());
    EXPECT_LE(kl_divergence(second.method().best(), linear_posterior(after)), 1e-10);
  }
}

TEST(Reuse, SavesMostRunsOfANonlinearProblem) {
  const Problem before = curved();
  Problem after = before;
  after.observations.noise = space::Noise::independent(VectorXd::Constant(4, 0.05));
  after.observations.values += Eigen::Vector4d(0.05, 0.0, -0.05, 0.05);
  Campaign reference(after, {.random_seed = 9, .accuracy = 0.0, .max_evaluations = 2000});
  reference.run();
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Campaign first(before, {.random_seed = seed});
    first.run();
    Campaign second(after, {.random_seed = seed});
    second.reuse({first.runs()});
    second.run();

    EXPECT_EQ(second.method().stop_reason(), StopReason::accuracy);
    EXPECT_LE(3 * second.method().num_evaluations(), first.method().num_evaluations());
    const Gaussian seen = seen_from(reference.method().best(), second.method().best());
    EXPECT_LE(seen.mean.cwiseAbs().maxCoeff(), 0.1);
    EXPECT_LE((seen.std().array() - 1.0).abs().maxCoeff(), 0.1);
  }
}

TEST(Reuse, DrawsOtherPointsThanTheEarlierCampaignWithTheSameSeed) {
  const Problem problem = curved();
  Campaign first(problem, {.max_evaluations = 10});
  first.run();
  // So few runs that it explores, from the same start.
  Campaign second(problem, {});
  second.reuse({first.runs()});
  second.round();

  for (const auto& old : first.points()[0].colwise()) {
    EXPECT_GT((second.points()[0].colwise() - old).colwise().norm().minCoeff(), 1e-6);
  }
}

TEST(Reuse, OfARunThatReusesIsNotCountedTwice) {
  const Problem problem = curved();
  Campaign first(problem, {.max_evaluations = 40});
  first.run();
  Campaign second(problem, {.max_evaluations = 40});
  second.reuse({first.runs()});
  second.run();
  EarlierRuns brought_along = first.runs();

  EXPECT_EQ(second.runs().num_runs(), second.method().num_evaluations());
  EXPECT_EQ(leave_out_known(brought_along, {second.runs()}), 0);
  EXPECT_EQ(leave_out_known(brought_along, {second.runs(), first.runs()}), 40);
  Campaign third(problem, {});
  third.reuse({second.runs(), first.runs()});
  third.run();
  EXPECT_EQ(third.method().num_reused(), 40 + second.method().num_evaluations());
  for (const MatrixXd& mine : third.points()) {
    for (const auto& old : second.points()[0].colwise()) {
      EXPECT_GT((mine.colwise() - old).colwise().norm().minCoeff(), 1e-6);
    }
  }
}

/// Runs drawn in the coordinates of one study answer another one.
TEST(Reuse, TakesRunsOfOtherCoordinates) {
  const space::Prior prior = space::Prior::diagonal(VectorXd::Zero(3), VectorXd::Ones(3));
  const space::Bounds none = space::Bounds::none(3);
  const space::Bounds wide(VectorXd::Constant(3, -6.0), VectorXd::Constant(3, 6.0));
  const space::Bounds some(Eigen::Vector3d(-6.0, -7.0, -HUGE_VAL),
                           Eigen::Vector3d(6.0, HUGE_VAL, 9.0));
  const RegressionViOptions arctan{.random_seed = 4, .transform_map = TransformMap::arctan};
  const std::vector<std::tuple<space::Bounds, space::Bounds, RegressionViOptions>> cases{
      {none, wide, {.random_seed = 4}},
      {wide, none, {.random_seed = 4}},
      {wide, wide, arctan},
      {some, wide, {.random_seed = 4}}};
  for (const auto& [before, after, options] : cases) {
    Problem old = curved();
    old.space = make_space(prior, before);
    old.num_runs_per_failure = 9;
    Campaign first(old, {});
    first.run();
    Problem changed = curved();
    changed.space = make_space(prior, after);
    Campaign reference(changed, {.random_seed = 9,
                                 .accuracy = 0.0,
                                 .max_evaluations = 600,
                                 .transform_map = options.transform_map});
    reference.run();
    Campaign second(changed, options);
    second.reuse({first.runs()});
    second.run();

    EXPECT_LE(2 * second.method().num_evaluations(), first.method().num_evaluations());
    const Gaussian seen = seen_from(reference.method().best(), second.method().best());
    EXPECT_LE(seen.mean.cwiseAbs().maxCoeff(), 0.1);
    EXPECT_LE((seen.std().array() - 1.0).abs().maxCoeff(), 0.1);
    // A wrong Jacobian would shift this by the log of it: 1.1 for bounds of width 12 and a third.
    const auto evidence = [](const Campaign& campaign) {
      return campaign.method().posterior()->diagnostics.get<double>("log_evidence");
    };
    EXPECT_NEAR(evidence(second), evidence(reference), 0.25);
    EXPECT_EQ(second.method().posterior()->samples.cols(),
              second.method().num_evaluations() + second.method().num_reused());
  }
}

TEST(Reuse, CountsFailedRunsAndThoseOutsideTheBoundsAsDrawn) {
  Problem old = curved();
  old.num_runs_per_failure = 4;
  Campaign first(old, {.max_evaluations = 40});
  first.run();
  Problem bounded = curved();
  bounded.space = make_space(
      bounded.space.prior, space::Bounds(VectorXd::Constant(3, -1.0), VectorXd::Constant(3, 1.0)));
  Campaign second(bounded, {});
  second.reuse({first.runs()});

  const auto runs = second.method().weighed_runs();

  EXPECT_EQ(first.runs().num_runs(), 30);
  EXPECT_LT(second.method().num_reused(), 30);
  EXPECT_EQ(runs.points.cols(), second.method().num_reused());
  EXPECT_EQ(runs.num_drawn, 40.0);
  EXPECT_LE(runs.points.cwiseAbs().maxCoeff(), 1.0);
}

TEST(Reuse, IsNotMisledByRunsThatWereElsewhere) {
  // The sign of the first parameter is in the last measurement alone; the first campaign began, and
  // stayed, at the wrong one.
  Problem problem = curved();
  problem.model = [](const VectorXd& p) -> VectorXd {
    return Eigen::Vector4d(p[0] * p[0], p[1], p[2], 0.2 * p[0]);
  };
  problem.observations = {.values = Eigen::Vector4d(2.0, 0.1, -0.2, 0.28),
                          .noise = space::Noise::independent(VectorXd::Constant(4, 0.0025))};
  const Start wrong =
      Gaussian{.mean = Eigen::Vector3d(-1.4, 0.0, 0.0), .lower = 0.1 * MatrixXd::Identity(3, 3)};
  Campaign first(problem, {.starts = 1}, wrong);
  first.run();
  ASSERT_LT(first.method().best().mean[0], -1.0);

  Campaign alone(problem, {});
  alone.run();
  Campaign second(problem, {});
  second.reuse({first.runs()});
  second.run();

  EXPECT_NEAR(alone.method().best().mean[0], std::sqrt(2.0), 0.05);
  EXPECT_NEAR(second.method().best().mean[0], std::sqrt(2.0), 0.05);
}

class RestoredWithEarlierRuns : public ::testing::TestWithParam<std::pair<bool, bool>> {};

TEST_P(RestoredWithEarlierRuns, ContinuesToTheBit) {
  const auto [has_jacobians, has_bounds] = GetParam();
  Problem problem = has_jacobians ? curved_with_jacobians() : curved();
  Campaign first(problem, {.max_evaluations = 30});
  first.run();
  const EarlierRuns earlier = first.runs();
  if (has_bounds) {
    problem.space = make_space(
        problem.space.prior,
        space::Bounds(Eigen::Vector3d(-2.0, -HUGE_VAL, -3.0), Eigen::Vector3d(2.0, 4.0, HUGE_VAL)));
  }
  const RegressionViOptions options{.accuracy = 0.01, .max_evaluations = 150};
  Campaign second(problem, options);
  second.reuse({earlier});
  while (second.method().stop_reason() == StopReason::none) {
    const auto restored = second.make();
    restored->recall(second.told());
    restored->restore(second.method().state());
    const method::Batch again = restored->ask();
    second.round();
    ASSERT_EQ(second.points().back(), again.points) << "round " << again.round;
    restored->tell(second.told().at(again.round));
    ASSERT_EQ(second.method().state().values(), restored->state().values());
  }
  EXPECT_GE(second.points().size(), has_jacobians ? 1U : 2U);
  const auto restored = second.make();
  restored->recall(second.told());
  restored->restore(second.method().state());
  EXPECT_EQ(restored->posterior()->weights, second.method().posterior()->weights);
}

INSTANTIATE_TEST_SUITE_P(Reuse, RestoredWithEarlierRuns,
                         ::testing::Values(std::pair(false, false), std::pair(true, false),
                                           std::pair(false, true), std::pair(true, true)));

TEST(Reuse, RefusesAStateOfOtherEarlierRuns) {
  const Problem problem = curved();
  Campaign first(problem, {});
  first.run();
  Campaign second(problem, {});
  second.reuse({first.runs()});
  second.round();
  EarlierRuns fewer = first.runs();
  fewer.batches.pop_back();
  Campaign other(problem, {});
  other.reuse({fewer});

  for (const auto& method : {other.make(), Campaign(problem, {}).make()}) {
    method->recall(second.told());
    EXPECT_THROW(method->restore(second.method().state()), Error);
  }
}

TEST(Reuse, RefusesRunsOfOtherSizes) {
  const Problem problem = curved();
  RegressionVi method(problem.space, problem.observations, {});

  try {
    method.reuse({some_runs()});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_THAT(error.what(), HasSubstr("first: expected runs of 3 parameters and 4 QoIs"));
  }
}

TEST(Reuse, GoesOnUnderOtherData) {
  const Problem problem = curved();
  Campaign first(problem, {});
  first.run();
  Campaign second(problem, {});
  second.reuse({first.runs()});
  second.run();
  Problem moved = problem;
  moved.observations.values += Eigen::Vector4d(0.1, 0.1, 0.05, 0.0);
  Campaign third(moved, {});
  third.reuse({first.runs()});

  third.method().recall(second.told());
  third.method().rescore(second.method().state(), 0);

  const auto num_runs = third.method().weighed_runs().points.cols();
  EXPECT_EQ(num_runs, first.method().num_evaluations() + second.method().num_evaluations());
  Campaign reference(moved, {.random_seed = 9, .accuracy = 0.0, .max_evaluations = 1500});
  reference.run();
  third.run();
  EXPECT_LE(kl_divergence(third.method().best(), reference.method().best()), 0.02);
}

TEST(Reuse, BringsJacobiansAlong) {
  const Problem problem = curved_with_jacobians();
  Campaign first(problem, {});
  first.run();
  const EarlierRuns runs = first.runs();
  ASSERT_FALSE(runs.batches[0].jacobians.empty());
  Campaign second(problem, {.random_seed = 5});
  second.reuse({runs});
  second.run();

  EXPECT_EQ(second.method().stop_reason(), StopReason::accuracy);
  EXPECT_LE(second.method().num_evaluations(), 16);
  // The search of the first campaign was drawn from nothing and stays out.
  EXPECT_LT(second.method().num_reused(), first.method().num_evaluations());
  EXPECT_LE(kl_divergence(second.method().best(), first.method().best()), 0.02);
}

TEST(Reuse, GoesBetweenCampaignsWithAndWithoutJacobians) {
  const Problem with = curved_with_jacobians();
  const Problem without = curved();
  Campaign reference(without, {.random_seed = 9, .accuracy = 0.0, .max_evaluations = 1500});
  reference.run();
  for (const auto& [before, after] : {std::pair(&with, &without), std::pair(&without, &with)}) {
    Campaign first(*before, {});
    first.run();
    Campaign alone(*after, {.random_seed = 2});
    alone.run();
    Campaign second(*after, {.random_seed = 2});
    second.reuse({first.runs()});
    second.run();

    EXPECT_EQ(second.method().stop_reason(), StopReason::accuracy);
    EXPECT_LE(second.method().num_evaluations(), alone.method().num_evaluations());
    EXPECT_LE(kl_divergence(second.method().best(), reference.method().best()), 0.02);
  }
}

TEST(Reuse, OfNothingThatIsGoodIsAsIfThereWereNone) {
  const Problem problem = curved();
  EarlierRuns nothing = some_runs();
  nothing.transform = space::Transform(space::Bounds::none(3), TransformMap::sigmoid, 0.0);
  nothing.batches.clear();
  Campaign alone(problem, {});
  Campaign second(problem, {});
  second.reuse({nothing});

  EXPECT_EQ(second.method().ask().points, alone.method().ask().points);
}

}  // namespace
}  // namespace invar::regression
