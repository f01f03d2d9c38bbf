#include "umbridge_server/thread_pool.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace invar::umbridge_server {
namespace {

TEST(ThreadPool, RunsEverythingBeforeItEnds) {
  std::atomic<int> count = 0;
  {
    ThreadPool pool(4);
    for (int i = 0; i < 100; ++i) {
      pool.enqueue([&] { ++count; });
    }
  }
  EXPECT_EQ(count, 100);
}

TEST(ThreadPool, RunsAsManyAtATimeAsItMayAndNoMore) {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  {
    ThreadPool pool(3);
    for (int i = 0; i < 9; ++i) {
      pool.enqueue([&] {
        most = std::max(most.load(), ++now);
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        --now;
      });
    }
  }
  EXPECT_EQ(most, 3);
}

TEST(ThreadPool, UsesAnIdleThreadAgain) {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  {
    ThreadPool pool(10);
    for (int i = 0; i < 5; ++i) {
      pool.enqueue([&] {
        const std::lock_guard lock(mutex);
        seen.insert(std::this_thread::get_id());
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  EXPECT_LE(seen.size(), 2U);
}

}  // namespace
}  // namespace invar::umbridge_server
