#include "invar/evaluation/run_times.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace {

using invar::evaluation::RunTimes;

TEST(RunTimes, TryARunOfUnknownLengthWhileTimeIsLeft) {
  const RunTimes none;

  EXPECT_TRUE(none.would_likely_finish(1e-3));
  EXPECT_FALSE(none.would_likely_finish(0));
  EXPECT_TRUE(none.would_likely_finish(std::numeric_limits<double>::infinity()));
}

TEST(RunTimes, StartNothingThatMostRunsWouldNotFinish) {
  RunTimes times;
  for (const double seconds : {1.0, 2.0, 3.0, 4.0}) {
    times.add(seconds);
  }

  EXPECT_TRUE(times.would_likely_finish(2.0));
  EXPECT_FALSE(times.would_likely_finish(1.9));
  EXPECT_EQ(times.median_s(), 2.0);
}

TEST(RunTimes, ForgetRunsOfLongAgo) {
  RunTimes times;
  for (int i = 0; i < 1000; ++i) {
    times.add(1.0);
  }
  for (int i = 0; i < 256; ++i) {
    times.add(10.0);
  }

  EXPECT_FALSE(times.would_likely_finish(9.0));
  EXPECT_NEAR(times.mean_s(), 10.0, 0.01);
}

TEST(RunTimes, HaveNoMeanBeforeTheFirstRun) {
  EXPECT_EQ(RunTimes().mean_s(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(RunTimes().median_s(), std::numeric_limits<double>::infinity());
}

}  // namespace
