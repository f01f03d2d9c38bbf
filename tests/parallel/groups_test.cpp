#include "invar/parallel/groups.hpp"

#include <string>

#include <mpi.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/parallel/agree.hpp"

namespace {

using invar::Error;
using invar::ErrorKind;
using invar::parallel::CollectiveError;
using invar::parallel::Comm;
using invar::parallel::GroupPlan;
using invar::parallel::Groups;
using invar::parallel::plan_groups;
using ::testing::HasSubstr;

TEST(GroupPlan, SharesOutAllButTheManager) {
  const GroupPlan plan = plan_groups(9, 3);

  EXPECT_EQ(plan.num_groups, 2);
  EXPECT_EQ(plan.num_left_over, 2);
  EXPECT_EQ(plan.group_of(0), -1);
  EXPECT_EQ(plan.group_of(1), 0);
  EXPECT_EQ(plan.group_of(3), 0);
  EXPECT_EQ(plan.group_of(4), 1);
  EXPECT_EQ(plan.group_of(6), 1);
  EXPECT_EQ(plan.group_of(7), -1);
  EXPECT_EQ(plan.leader_of(0), 1);
  EXPECT_EQ(plan.leader_of(1), 4);
}

TEST(GroupPlan, MakesOneRankManagerAndGroup) {
  const GroupPlan plan = plan_groups(1, 1);

  EXPECT_EQ(plan.num_groups, 1);
  EXPECT_EQ(plan.num_left_over, 0);
  EXPECT_EQ(plan.group_of(0), 0);
  EXPECT_EQ(plan.leader_of(0), 0);
}

TEST(GroupPlan, RefusesGroupsLargerThanThereAreRanks) {
  for (const auto& [num_ranks, ranks_per_model] : {std::pair{1, 2}, {2, 2}, {4, 9}, {3, 0}}) {
    try {
      plan_groups(num_ranks, ranks_per_model);
      ADD_FAILURE() << num_ranks << " ranks, groups of " << ranks_per_model;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      EXPECT_THAT(error.what(), HasSubstr("found " + std::to_string(ranks_per_model)));
      EXPECT_THAT(error.what(), HasSubstr(std::to_string(num_ranks) + " rank"));
    }
  }
}

class GroupsTest : public ::testing::Test {
 protected:
  Comm world_ = Comm::duplicate(MPI_COMM_WORLD);
  int rank_ = world_.rank();
  int size_ = world_.size();
};

TEST_F(GroupsTest, GivesEveryRankItsPlace) {
  const Groups groups(world_, 1);

  EXPECT_EQ(groups.is_manager(), rank_ == 0);
  EXPECT_EQ(groups.is_worker(), rank_ > 0 || size_ == 1);
  EXPECT_FALSE(groups.is_idle());
  EXPECT_EQ(groups.is_leader(), groups.is_worker());
  EXPECT_EQ(groups.group().size(), 1);
  EXPECT_EQ(groups.team().size(), 1);
  EXPECT_EQ(groups.all().size(), size_);
}

TEST_F(GroupsTest, FormsGroupsOfTwoAndLeavesTheOddRankOver) {
  if (size_ < 3) {
    GTEST_SKIP() << "needs 3 ranks";
  }
  const Groups groups(world_, 2);

  const bool is_left_over = size_ % 2 == 0 && rank_ == size_ - 1;
  EXPECT_EQ(groups.is_idle(), is_left_over);
  EXPECT_EQ(groups.is_worker(), rank_ > 0 && !is_left_over);
  EXPECT_EQ(groups.group().size(), groups.is_worker() ? 2 : 1);
  EXPECT_EQ(groups.is_leader(), groups.is_worker() && rank_ % 2 == 1);
  EXPECT_EQ(groups.index(), groups.is_worker() ? (rank_ - 1) / 2 : -1);
}

TEST_F(GroupsTest, ThrowsOnEveryRankWhenAGroupIsTooLarge) {
  try {
    const Groups groups(world_, size_ + 1);
    ADD_FAILURE() << "expected a CollectiveError";
  } catch (const CollectiveError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
  }
}

TEST_F(GroupsTest, DescribesWhatWasFound) {
  const Groups groups(world_, 1);
  if (!groups.is_manager()) {
    return;
  }

  const std::string line = groups.description(1);

  EXPECT_FALSE(groups.host_of_group(0).empty());
  EXPECT_THAT(line, HasSubstr(groups.host_of_group(0)));
  EXPECT_THAT(line, HasSubstr("launcher: "));
  EXPECT_THAT(line, HasSubstr("concurrency: 1"));
  EXPECT_THAT(line, HasSubstr(size_ == 1 ? "1 rank: runs the model in place"
                                         : std::to_string(size_) + " ranks: rank 0 manages"));
  EXPECT_THAT(groups.description({}), HasSubstr("(auto)"));
}

}  // namespace
