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

}  // namespace
