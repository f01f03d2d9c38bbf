#include "doctor/group_sizes.hpp"

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace invar::doctor;
using testing::ElementsAre;

GroupReport group_with(int num_ranks, std::vector<double> seconds) {
  GroupReport group{.num_ranks = num_ranks};
  group.repetition.emplace();
  group.repetition->seconds = std::move(seconds);
  return group;
}

TEST(GroupSizes, ArePowersOfTwoBesideAManager) {
  EXPECT_THAT(group_sizes(1, 1), ElementsAre(1));
  EXPECT_THAT(group_sizes(2, 1), ElementsAre(1));
  EXPECT_THAT(group_sizes(9, 1), ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(group_sizes(8, 1), ElementsAre(1, 2, 4));
}

TEST(GroupSizes, BeginWithThatOfTheStudy) {
  EXPECT_THAT(group_sizes(6, 2), ElementsAre(2, 1, 4));
  EXPECT_THAT(group_sizes(6, 3), ElementsAre(3, 1, 2, 4));
  EXPECT_THAT(group_sizes(2, 6), ElementsAre(6, 1));
}

TEST(Timings, AreMedianAndQuartilesWithTheEfficiencyOverTheSmallestGroup) {
  const auto timings =
      timings_of({group_with(4, {2.5}), group_with(1, {9, 5, 7, 6, 8}), group_with(2, {})}, 9, 4);

  ASSERT_EQ(timings.size(), 2U);
  EXPECT_EQ(timings[0].num_ranks, 1);
  EXPECT_DOUBLE_EQ(timings[0].low, 6);
  EXPECT_DOUBLE_EQ(timings[0].median, 7);
  EXPECT_DOUBLE_EQ(timings[0].high, 8);
  EXPECT_DOUBLE_EQ(timings[0].most, 9);
  EXPECT_DOUBLE_EQ(timings[0].runs_per_hour, 8 * 3600.0 / 7);
  EXPECT_DOUBLE_EQ(timings[1].efficiency, 7 / (4 * 2.5));
  EXPECT_DOUBLE_EQ(timings[1].runs_per_hour, 2 * 3600.0 / 2.5);
}

TEST(Recommend, TakesTheMostRunsPerHour) {
  // 7 workers: 7 / 10 s, 3 / 4 s, 1 / 3 s.
  const auto timings =
      timings_of({group_with(1, {10}), group_with(2, {4}), group_with(4, {3})}, 8, 8);

  const Recommendation advice = recommend(timings, 8, 1);

  EXPECT_EQ(advice.ranks_per_model, 2);
  EXPECT_DOUBLE_EQ(advice.gain, (3 / 4.0) / (7 / 10.0));
}

TEST(Recommend, IsClearWhereTheQuartilesDoNotMeet) {
  const auto advice_of = [](std::vector<double> on_one, std::vector<double> on_two) {
    return recommend(
        timings_of({group_with(1, std::move(on_one)), group_with(2, std::move(on_two))}, 9, 8), 9,
        1);
  };

  EXPECT_TRUE(advice_of({10, 10, 10}, {4, 4, 4}).is_clear);
  EXPECT_FALSE(advice_of({2, 10, 11}, {4, 4, 4}).is_clear);
  EXPECT_FALSE(advice_of({10, 10, 10}, {4, 4, 12}).is_clear);
  EXPECT_FALSE(advice_of({10, 10, 10}, {20, 20, 20}).is_clear);
}

TEST(Recommend, PrefersFewerRanksWhereItHardlyMatters) {
  const auto timings = timings_of({group_with(1, {10}), group_with(2, {4.9})}, 9, 8);

  EXPECT_EQ(recommend(timings, 9, 1).ranks_per_model, 1);
}

TEST(Recommend, DoesNotBelieveRanksThatSharedCores) {
  const auto timings = timings_of({group_with(1, {10}), group_with(2, {1})}, 9, 1);

  EXPECT_TRUE(timings[1].is_oversubscribed);
  EXPECT_EQ(recommend(timings, 9, 1).ranks_per_model, 1);
}

TEST(Recommend, SaysNothingWhereNothingWasMeasured) {
  EXPECT_EQ(recommend({}, 4, 1).ranks_per_model, 0);
}

}  // namespace
