#include "invar/parallel/task_pool.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include <mpi.h>

#include <gtest/gtest.h>

#include "invar/parallel/serve.hpp"

namespace {

using namespace invar::parallel;

using Bytes = std::vector<std::byte>;

Bytes pattern(std::size_t length, int salt) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) {
    bytes[i] = static_cast<std::byte>((i * 7 + static_cast<std::size_t>(salt)) % 253);
  }
  return bytes;
}

/// On two ranks or more: the manager runs the test's body, the others serve with `handler`.
class TaskPoolTest : public ::testing::Test {
 protected:
  template <class Body>
  void run(int ranks_per_model, std::optional<double> timeout_s, const TaskHandler& handler,
           Body&& body) {
    const Groups groups(world_, ranks_per_model);
    if (!groups.is_manager()) {
      serve(groups, handler);
      return;
    }
    TaskPool pool(groups, timeout_s);
    body(pool);
    EXPECT_TRUE(pool.shut_down(30));
  }

  Comm world_ = Comm::duplicate(MPI_COMM_WORLD);
  StopControl stop_;
};

void echo(std::span<const std::byte> task, Bytes& reply) {
  reply.assign(task.begin(), task.end());
}

TEST_F(TaskPoolTest, BringsEveryReplyToItsTicket) {
  run(1, {}, echo, [&](TaskPool& pool) {
    constexpr std::int64_t num_tasks = 60;
    std::int64_t num_sent = 0;
    std::map<std::int64_t, Bytes> replies;
    const auto submit = [&](int group) {
      if (num_sent < num_tasks) {
        const auto length = static_cast<std::size_t>(num_sent * 11);  // the first is empty
        pool.submit(group, 1000 + num_sent, pattern(length, static_cast<int>(num_sent)));
        ++num_sent;
      }
    };
    for (int group = 0; group < pool.num_groups(); ++group) {
      submit(group);
      submit(group);
    }

    while (replies.size() < num_tasks) {
      pool.wait({.on_reply =
                     [&](const TaskPool::Reply& reply) {
                       replies[reply.ticket].assign(reply.bytes.begin(), reply.bytes.end());
                       submit(reply.group);
                     },
                 .on_loss = {}},
                stop_);
    }

    for (std::int64_t i = 0; i < num_tasks; ++i) {
      EXPECT_EQ(replies.at(1000 + i),
                pattern(static_cast<std::size_t>(i * 11), static_cast<int>(i)));
    }
    EXPECT_EQ(pool.num_busy(), 0);
  });
}

TEST_F(TaskPoolTest, CarriesMessagesOfMegabytes) {
  run(1, {}, echo, [&](TaskPool& pool) {
    const Bytes task = pattern(5'000'000, 3);
    Bytes answer;

    pool.submit(0, 1, task);
    pool.wait({.on_reply =
                   [&](const TaskPool::Reply& reply) {
                     answer.assign(reply.bytes.begin(), reply.bytes.end());
                   },
               .on_loss = {}},
              stop_);

    EXPECT_TRUE(answer == task);
  });
}

TEST_F(TaskPoolTest, CallsAllRanksOfAGroupTogether) {
  if (world_.size() < 3) {
    GTEST_SKIP() << "needs 3 ranks";
  }
  // The handler talks to the other ranks of its group, as a model does.
  const Comm parts = Comm::split(world_, (world_.rank() + 1) / 2);
  const auto sum_over_group = [&](std::span<const std::byte> task, Bytes& reply) {
    double mine = 0;
    std::memcpy(&mine, task.data(), sizeof mine);
    double sum = 0;
    MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, parts.get());
    reply.resize(sizeof sum);
    std::memcpy(reply.data(), &sum, sizeof sum);
  };
  run(2, {}, sum_over_group, [&](TaskPool& pool) {
    for (int group = 0; group < pool.num_groups(); ++group) {
      for (int i = 0; i < 3; ++i) {
        const double value = 10 * group + i;
        Bytes task(sizeof value);
        std::memcpy(task.data(), &value, sizeof value);
        pool.submit(group, 10 * group + i, task);
      }
    }
    int num_replies = 0;

    while (pool.num_busy() > 0) {
      pool.wait({.on_reply =
                     [&](const TaskPool::Reply& reply) {
                       double sum = 0;
                       std::memcpy(&sum, reply.bytes.data(), sizeof sum);
                       EXPECT_EQ(sum, 2.0 * static_cast<double>(reply.ticket));
                       ++num_replies;
                     },
                 .on_loss = {}},
                stop_);
    }

    EXPECT_EQ(num_replies, 3 * pool.num_groups());
  });
}

TEST_F(TaskPoolTest, WritesOffAGroupThatIsLateAndIgnoresWhatItStillSays) {
  const auto slow_at_first = [](std::span<const std::byte> task, Bytes& reply) {
    if (task[0] == std::byte{1}) {
      std::this_thread::sleep_for(std::chrono::milliseconds(600));
    }
    reply.assign(task.begin(), task.end());
  };
  run(1, 0.2, slow_at_first, [&](TaskPool& pool) {
    pool.submit(0, 7, Bytes{std::byte{1}});
    pool.submit(0, 8, Bytes{std::byte{0}});
    pool.submit(0, 9, Bytes{std::byte{0}});
    std::vector<TaskPool::Loss> losses;
    int num_replies = 0;
    const TaskPool::Callbacks callbacks{
        .on_reply = [&](const TaskPool::Reply&) { ++num_replies; },
        .on_loss = [&](const TaskPool::Loss& loss) { losses.push_back(loss); }};

    pool.wait(callbacks, stop_);

    ASSERT_EQ(losses.size(), 1U);
    EXPECT_EQ(losses[0].group, 0);
    EXPECT_EQ(losses[0].running, 7);
    EXPECT_EQ(losses[0].queued, (std::vector<std::int64_t>{8, 9}));
    EXPECT_TRUE(pool.is_lost(0));
    EXPECT_EQ(pool.num_lost(), 1);
    EXPECT_EQ(pool.num_busy(), 0);
    if (pool.num_groups() > 1) {
      for (int i = 0; i < 30; ++i) {  // until after the late replies
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        pool.submit(1, i, Bytes{std::byte{0}});
        pool.wait(callbacks, stop_);
      }
      EXPECT_EQ(num_replies, 30);
    }
  });
}

TEST_F(TaskPoolTest, DoesNotBlameAGroupForTheManagersAbsence) {
  const auto slow = [](std::span<const std::byte>, Bytes&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
  };
  run(1, 0.4, slow, [&](TaskPool& pool) {
    pool.submit(0, 1, Bytes(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    int num_replies = 0;

    pool.wait({.on_reply = [&](const TaskPool::Reply&) { ++num_replies; },
               .on_loss = [](const TaskPool::Loss&) { ADD_FAILURE() << "written off"; }},
              stop_);

    EXPECT_EQ(num_replies, 1);
  });
}

TEST_F(TaskPoolTest, ReturnsWhenAStopIsDue) {
  const auto slow = [](std::span<const std::byte>, Bytes&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  };
  run(1, {}, slow, [&](TaskPool& pool) {
    pool.submit(0, 1, Bytes(1));
    stop_.set_end(StopControl::Clock::now() + std::chrono::milliseconds(50));

    pool.wait(
        {.on_reply = [](const TaskPool::Reply&) { ADD_FAILURE() << "too late"; }, .on_loss = {}},
        stop_);

    EXPECT_EQ(pool.load(0), 1U);
    EXPECT_TRUE(stop_.is_due());
  });
}

TEST_F(TaskPoolTest, GoesOnWaitingForWhatRunsWhenAStopIsAskedFor) {
  const auto slow = [](std::span<const std::byte>, Bytes&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  };
  run(1, {}, slow, [&](TaskPool& pool) {
    int num_replies = 0;
    int num_turns = 0;
    pool.submit(0, 1, Bytes(1));
    stop_.ask();

    pool.wait({.on_reply = [&](const TaskPool::Reply&) { ++num_replies; },
               .on_loss = {},
               .on_idle = [&] { ++num_turns; }},
              stop_);

    EXPECT_EQ(num_replies, 1);
    EXPECT_GE(num_turns, 1);
  });
}

TEST_F(TaskPoolTest, SaysWhenAGroupDoesNotLeaveInTime) {
  const auto slow = [](std::span<const std::byte>, Bytes&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  };
  const Groups groups(world_, 1);
  if (!groups.is_manager()) {
    serve(groups, slow);
    return;
  }
  TaskPool pool(groups, {});
  pool.submit(0, 1, Bytes(1));

  const bool has_left = pool.shut_down(0.1);

  EXPECT_FALSE(has_left);
}

}  // namespace
