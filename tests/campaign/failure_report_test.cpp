#include "campaign/failure_report.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/random.hpp"

namespace invar::campaign {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// Uniform numbers in [0, 1), a function of the seed and the place.
double uniform(std::uint64_t seed, std::int64_t run, Eigen::Index parameter) {
  const auto place = static_cast<std::uint64_t>(1000 * run + parameter);
  return std::ldexp(static_cast<double>(core::mix_bits(seed * 1'000'000'007 + place) >> 11), -53);
}

/// Good runs at uniform points of [-1, 1]^d, 30 a round, on three hosts by turns.
RunOutcomes make_runs(std::int64_t count, Eigen::Index dimension = 5, std::uint64_t seed = 1) {
  RunOutcomes runs;
  runs.points.resize(dimension, count);
  for (Eigen::Index j = 0; j < dimension; ++j) {
    runs.names.push_back(std::string(1, static_cast<char>('a' + j)));
  }
  for (std::int64_t i = 0; i < count; ++i) {
    for (Eigen::Index j = 0; j < dimension; ++j) {
      runs.points(j, i) = 2.0 * uniform(seed, i, j) - 1.0;
    }
    runs.statuses.push_back(Status::ok);
    runs.hosts.push_back("node" + std::to_string(i % 3));
    runs.rounds.push_back(i / 30);
  }
  return runs;
}

template <class Predicate>
void fail_where(RunOutcomes& runs, Predicate predicate, Status status = Status::model_failed) {
  for (std::size_t i = 0; i < runs.statuses.size(); ++i) {
    if (predicate(static_cast<Eigen::Index>(i))) {
      runs.statuses[i] = status;
    }
  }
}

TEST(FailureReport, FindsTheParameterAndItsThreshold) {
  RunOutcomes runs = make_runs(3000);
  fail_where(runs, [&](Eigen::Index i) { return runs.points(2, i) > 0.9; });

  const FailureReport report = report_failures(runs);

  ASSERT_THAT(report.parameters, SizeIs(1));
  const SeparatingParameter& found = report.parameters[0];
  EXPECT_EQ(found.name, "c");
  EXPECT_EQ(found.index, 2);
  EXPECT_EQ(found.auc, 1.0);
  // All failures above all others: U - n1 n0 / 2 = n1 n0 / 2, variance n1 n0 (N + 1) / 12.
  const auto failed = static_cast<double>(report.all.num_failed);
  EXPECT_NEAR(found.z, std::sqrt(3.0 * failed * (3000.0 - failed) / 3001.0), 1e-9);
  EXPECT_TRUE(found.threshold.is_above);
  EXPECT_EQ(found.threshold.value, 0.9);
  EXPECT_EQ(found.threshold.inside.num_failed, found.threshold.inside.num_runs);
  EXPECT_EQ(found.threshold.outside.num_failed, 0);
  EXPECT_THAT(to_text(report), HasSubstr("c > 0.9: "));
}

TEST(FailureReport, FindsALowerSideAmongChanceFailures) {
  RunOutcomes runs = make_runs(3000);
  fail_where(runs, [&](Eigen::Index i) { return runs.points(0, i) < -0.8 || i % 100 == 0; });

  const FailureReport report = report_failures(runs);

  ASSERT_THAT(report.parameters, SizeIs(1));
  const Threshold& threshold = report.parameters[0].threshold;
  EXPECT_EQ(report.parameters[0].name, "a");
  EXPECT_LT(report.parameters[0].z, -10.0);
  EXPECT_FALSE(threshold.is_above);
  EXPECT_NEAR(threshold.value, -0.8, 0.01);
  EXPECT_EQ(threshold.inside.num_failed, threshold.inside.num_runs);
  EXPECT_GT(threshold.outside.num_failed, 0);
}

TEST(FailureReport, FindsFourFailuresThatStandTogether) {
  RunOutcomes runs = make_runs(1000);
  std::vector<double> values(runs.points.row(3).begin(), runs.points.row(3).end());
  std::sort(values.begin(), values.end());
  fail_where(runs, [&](Eigen::Index i) { return runs.points(3, i) >= values[996]; });

  const FailureReport report = report_failures(runs);

  ASSERT_THAT(report.parameters, SizeIs(1));
  EXPECT_EQ(report.parameters[0].name, "d");
  EXPECT_LT(report.parameters[0].z, 3.5);  // too few for this test
  EXPECT_EQ(report.parameters[0].threshold.inside.num_failed, 4);
  EXPECT_EQ(report.parameters[0].threshold.inside.num_runs, 4);
  // 2 d (tests) * 2 * 4 (thresholds) / (1000 choose 4)
  EXPECT_NEAR(report.parameters[0].p_value, 10.0 * 8.0 / 41417124750.0, 1e-15);
}

TEST(FailureReport, SortsByStrength) {
  RunOutcomes runs = make_runs(3000);
  fail_where(runs,
             [&](Eigen::Index i) { return runs.points(4, i) + 0.5 * runs.points(1, i) > 1.0; });

  const FailureReport report = report_failures(runs);

  ASSERT_THAT(report.parameters, SizeIs(2));
  EXPECT_EQ(report.parameters[0].name, "e");
  EXPECT_EQ(report.parameters[1].name, "b");
}

// The level is 1 % for a report, so of 200 campaigns 2 are expected; 8 or more have probability
// 0.001 (binomial), and the tests are conservative.
TEST(FailureReport, NamesNoParameterWhereFailuresAreRandom) {
  int num_false_alarms = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    RunOutcomes runs = make_runs(600, 5, seed);
    fail_where(runs, [&](Eigen::Index i) { return uniform(seed, i, 999) < 0.05; });
    const FailureReport report = report_failures(runs);
    ASSERT_GT(report.all.num_failed, 0);
    num_false_alarms += report.parameters.empty() ? 0 : 1;
    if (report.parameters.empty()) {
      EXPECT_THAT(to_text(report), HasSubstr("no parameter separates failed from good runs"));
    }
  }
  EXPECT_LT(num_false_alarms, 8);
}

TEST(FailureReport, HasNothingToCompareWhenAllOrNoneFailed) {
  RunOutcomes runs = make_runs(100);
  const FailureReport none = report_failures(runs);
  fail_where(runs, [](Eigen::Index) { return true; });
  const FailureReport all = report_failures(runs);

  EXPECT_EQ(none.all.num_failed, 0);
  EXPECT_THAT(none.parameters, IsEmpty());
  EXPECT_EQ(to_text(none), "failed        0 of 100 runs (0 %)\n");
  EXPECT_EQ(all.all.num_failed, 100);
  EXPECT_THAT(all.parameters, IsEmpty());
  EXPECT_THAT(to_text(all), HasSubstr("100 of 100 runs (100 %)"));
  EXPECT_THAT(to_text(all), HasSubstr("there is no good run to compare with"));
  EXPECT_EQ(report_failures(RunOutcomes{}).all.num_runs, 0);
}

TEST(FailureReport, TakesTiesAsHalf) {
  RunOutcomes runs = make_runs(400, 2);
  for (Eigen::Index i = 0; i < 400; ++i) {
    runs.points(0, i) = i < 200 ? 1.0 : 2.0;  // two values only
    runs.points(1, i) = 7.0;                  // a constant
  }
  fail_where(runs, [](Eigen::Index i) { return i % 200 < 20 || i >= 350; });

  const FailureReport report = report_failures(runs);

  // 90 failures, 70 of them at 2; 310 good runs, 130 of them at 2.
  const double wins = 70.0 * 180.0 + 0.5 * (20.0 * 180.0 + 70.0 * 130.0);
  const double variance =
      90.0 * 310.0 / 12.0 * (401.0 - 2.0 * (200.0 * 199.0 * 201.0) / (400.0 * 399.0));
  ASSERT_THAT(report.parameters, SizeIs(1));
  EXPECT_EQ(report.parameters[0].name, "a");
  EXPECT_DOUBLE_EQ(report.parameters[0].auc, wins / (90.0 * 310.0));
  EXPECT_NEAR(report.parameters[0].z, (wins - 45.0 * 310.0) / std::sqrt(variance), 1e-9);
  EXPECT_EQ(report.parameters[0].threshold.value, 1.5);
  EXPECT_EQ(report.parameters[0].threshold.inside.num_failed, 70);
  EXPECT_EQ(report.parameters[0].threshold.inside.num_runs, 200);
  EXPECT_EQ(report.parameters[0].threshold.outside.num_failed, 20);
}

TEST(FailureReport, CountsStatusesHostsAndRounds) {
  RunOutcomes runs = make_runs(900);
  fail_where(
      runs, [](Eigen::Index i) { return i % 3 == 1 && i < 90; }, Status::crashed);
  fail_where(
      runs, [](Eigen::Index i) { return i == 600; }, Status::timeout);

  const FailureReport report = report_failures(runs);

  EXPECT_EQ(report.statuses, (std::vector<std::pair<Status, std::int64_t>>{{Status::crashed, 30},
                                                                           {Status::timeout, 1}}));
  ASSERT_THAT(report.hosts, SizeIs(3));
  EXPECT_EQ(report.hosts[0].host, "node1");
  EXPECT_EQ(report.hosts[0].count.num_failed, 30);
  EXPECT_EQ(report.hosts[0].count.num_runs, 300);
  EXPECT_TRUE(report.hosts[0].is_beyond_chance);
  EXPECT_EQ(report.hosts[1].host, "node0");
  EXPECT_FALSE(report.hosts[1].is_beyond_chance);
  ASSERT_THAT(report.rounds, SizeIs(10));
  EXPECT_EQ(report.rounds[0].first_round, 0);
  EXPECT_EQ(report.rounds[0].last_round, 2);
  EXPECT_EQ(report.rounds[0].count.num_failed, 30);
  EXPECT_EQ(report.rounds[0].count.num_runs, 90);
  EXPECT_EQ(report.rounds[6].count.num_failed, 1);
  EXPECT_EQ(report.rounds[9].last_round, 29);
  const std::string text = to_text(report);
  EXPECT_THAT(text, HasSubstr("node1         30 of 300, more than by chance\n"));
  EXPECT_THAT(text, HasSubstr("rounds 0 to 2       30 of 90\n"));
  EXPECT_THAT(text, HasSubstr("crashed       30\n"));
  EXPECT_THAT(text, Not(HasSubstr("transport")));
}

}  // namespace
}  // namespace invar::campaign
