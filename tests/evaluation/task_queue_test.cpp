#include "evaluation/task_queue.hpp"

#include <gtest/gtest.h>

namespace {

using invar::evaluation::TaskQueue;

TEST(TaskQueue, GivesTasksInIndexOrder) {
  TaskQueue queue(2);

  EXPECT_EQ(queue.take(0, true), 0U);
  EXPECT_EQ(queue.take(0, true), 1U);
  EXPECT_EQ(queue.take(0, true), std::nullopt);
  EXPECT_TRUE(queue.is_empty());
}

TEST(TaskQueue, RepeatsOnAnotherGroupFirstOfAll) {
  TaskQueue queue(3);
  queue.take(0, true);

  queue.repeat(0);

  EXPECT_EQ(queue.take(0, true), 1U);
  EXPECT_EQ(queue.take(1, true), 0U);
  EXPECT_EQ(queue.attempts(0), 2);
}

TEST(TaskQueue, KeepsARepetitionForAnotherGroup) {
  TaskQueue queue(1);
  queue.take(0, true);
  queue.repeat(0);

  EXPECT_EQ(queue.take(0, true), std::nullopt);
  EXPECT_FALSE(queue.is_empty());
}

TEST(TaskQueue, RepeatsOnTheSameGroupWhenItIsTheOnlyOne) {
  TaskQueue queue(1);
  queue.take(0, false);
  queue.repeat(0);

  EXPECT_EQ(queue.take(0, false), 0U);
}

TEST(TaskQueue, DoesNotCountWhatWasNeverBegun) {
  TaskQueue queue(1);
  queue.take(0, true);

  queue.put_back(0);

  EXPECT_EQ(queue.attempts(0), 0);
  EXPECT_EQ(queue.take(0, true), 0U);
  EXPECT_EQ(queue.attempts(0), 1);
}

TEST(TaskQueue, GivesSeveralButWhatIsRepeatedAlone) {
  TaskQueue queue(6);
  using Tasks = std::vector<std::size_t>;
  EXPECT_EQ(queue.take_several(3, 0, false), (Tasks{0, 1, 2}));
  queue.repeat(1);
  queue.put_back(0);  // never begun, so it goes first and is no repetition

  EXPECT_EQ(queue.take_several(3, 0, false), (Tasks{0}));
  EXPECT_EQ(queue.take_several(3, 0, false), (Tasks{1}));
  EXPECT_EQ(queue.attempts(1), 2);
  EXPECT_EQ(queue.take_several(9, 0, false), (Tasks{3, 4, 5}));
  EXPECT_EQ(queue.take_several(9, 0, false), (Tasks{}));
}

TEST(TaskQueue, PassesOverWhatHasBegunElsewhere) {
  TaskQueue queue(4);
  queue.begun(3, 5);
  queue.begun(1, 6);

  EXPECT_EQ(queue.take(0, true), 0U);
  EXPECT_EQ(queue.take(0, true), 2U);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(queue.attempts(1), 1);
  queue.repeat(1);
  queue.disregard(3);
  EXPECT_EQ(queue.take(6, true), 3U) << "the other one has failed there";
  EXPECT_EQ(queue.attempts(3), 1) << "the first one did not count";
  EXPECT_EQ(queue.take(5, true), 1U);
  EXPECT_EQ(queue.attempts(1), 2);
}

}  // namespace
