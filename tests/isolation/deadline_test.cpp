#include "invar/isolation/deadline.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace invar::isolation {
namespace {

using std::chrono::milliseconds;

TEST(Deadline, IsOverWhenItsTimeWasSlept) {
  Deadline deadline(0.02);
  EXPECT_FALSE(deadline.is_over());

  const int nap_ms = deadline.begin_nap_ms();
  std::this_thread::sleep_for(milliseconds(nap_ms));
  deadline.end_nap();

  EXPECT_GE(nap_ms, 20);
  EXPECT_TRUE(deadline.is_over());
}

TEST(Deadline, DoesNotCountTimeInWhichNobodyCouldLook) {
  Deadline deadline(1.0);

  const int nap_ms = deadline.begin_nap_ms();  // far shorter than what follows
  std::this_thread::sleep_for(milliseconds(nap_ms + 900));
  deadline.end_nap();

  EXPECT_FALSE(deadline.is_over());
}

TEST(Deadline, IsNeverOverWithoutALimit) {
  Deadline deadline(std::nullopt);

  EXPECT_GT(deadline.begin_nap_ms(), 0);
  deadline.end_nap();

  EXPECT_FALSE(deadline.is_over());
}

TEST(Deadline, OfNoTimeIsOverAtOnce) {
  Deadline deadline(0.0);

  EXPECT_TRUE(deadline.is_over());
  EXPECT_EQ(deadline.begin_nap_ms(), 0);
}

}  // namespace
}  // namespace invar::isolation
