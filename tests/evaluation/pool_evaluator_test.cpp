// What the pool alone does: groups that fail, hang and are chosen; on two ranks or more.
#include <chrono>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "evaluation/fixture.hpp"

namespace {

using namespace invar;
using evaluation::PoolEvaluator;
using test::collect;
using test::Collected;
using test::make_batch;
using test::succeed;
using ::testing::Each;

using PoolEvaluatorTest = test::EvaluationTest;

void sleep_s(double duration_s) {
  std::this_thread::sleep_for(std::chrono::duration<double>(duration_s));
}

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The largest number of runs at a time, from QoIs that are begin and end.
int most_at_a_time(const std::vector<method::Evaluation>& evaluations) {
  std::size_t most = 0;
  for (const auto& one : evaluations) {
    std::size_t overlapping = 0;
    for (const auto& other : evaluations) {
      overlapping += other.qois[0] <= one.qois[0] && one.qois[0] < other.qois[1] ? 1U : 0U;
    }
    most = std::max(most, overlapping);
  }
  return static_cast<int>(most);
}

model::ModelResult begin_and_end(double duration_s) {
  const double begin = now_s();
  sleep_s(duration_s);
  return succeed(Eigen::Vector2d(begin, now_s()));
}

TEST_F(PoolEvaluatorTest, UsesEveryGroupUnlessToldOtherwise) {
  const auto dear = [](const Eigen::VectorXd&) { return begin_and_end(0.02); };
  run({}, everywhere(dear), [&](method::Evaluator& evaluator) {
    const auto found = collect(evaluator, make_batch(24)).evaluations;

    std::set<int> groups;
    for (const auto& evaluation : found) {
      groups.insert(evaluation.group);
    }
    EXPECT_EQ(static_cast<int>(groups.size()), num_groups());
  });
}

TEST_F(PoolEvaluatorTest, RunsNoMoreAtATimeThanTheConcurrencyAllows) {
  for (const double duration_s : {0.0002, 0.01}) {  // with points in advance and without
    const auto model = [duration_s](const Eigen::VectorXd&) { return begin_and_end(duration_s); };
    const int cap = std::max(1, num_groups() - 1);
    run({.concurrency = cap}, everywhere(model), [&](method::Evaluator& evaluator) {
      const auto found = collect(evaluator, make_batch(40)).evaluations;

      EXPECT_LE(most_at_a_time(found), cap);
    });
  }
}

TEST_F(PoolEvaluatorTest, HoldsNoDearPointInAdvance) {
  if (num_groups() < 2) {
    GTEST_SKIP() << "needs 2 groups";
  }
  const auto first_is_long = [](const Eigen::VectorXd& x) {
    sleep_s(x[0] == 0 ? 0.6 : 0.02);
    return succeed(x);
  };
  run({}, everywhere(first_is_long), [&](method::Evaluator& evaluator) {
    const auto found = collect(evaluator, make_batch(7)).evaluations;

    for (std::size_t i = 1; i < found.size(); ++i) {
      EXPECT_NE(found[i].group, found[0].group);
    }
  });
}

TEST_F(PoolEvaluatorTest, RepeatsAFailedRunOnAnotherGroup) {
  // A group on a broken node: everything fails there, and fast.
  const auto make_function = [](const parallel::Groups& groups) {
    const bool is_broken = groups.index() == 0;
    return [is_broken](const Eigen::VectorXd& x) -> model::ModelResult {
      if (is_broken) {
        return {.status = invar::Status::model_failed, .message = "broken", .qois = {}};
      }
      sleep_s(0.003);
      return succeed(x);
    };
  };
  run({.retries = 1}, make_function, [&](method::Evaluator& evaluator) {
    const auto batch = make_batch(30);

    const Collected collected = collect(evaluator, batch);

    EXPECT_THAT(collected.num_calls, Each(1));
    for (std::size_t i = 0; i < 30; ++i) {
      const method::Evaluation& found = collected.evaluations[i];
      if (num_groups() == 1) {
        EXPECT_EQ(found.status, method::Status::model_failed);
        EXPECT_EQ(found.attempts, 2);
      } else {
        EXPECT_EQ(found.status, method::Status::ok);
        EXPECT_EQ(found.qois, batch.points.col(static_cast<Eigen::Index>(i)));
        EXPECT_NE(found.group, 0);
      }
    }
    EXPECT_EQ(collected.evaluations[0].attempts, 2);
  });
}

/// The group that gets sample 3 first hangs in it; the same sample is harmless elsewhere.
auto hang_once_in_sample_three(const parallel::Groups& groups) {
  const bool is_first = groups.index() == 0;
  return [is_first](const Eigen::VectorXd& x) {
    if (is_first && x[0] >= 3) {
      sleep_s(1.0);
    } else {
      sleep_s(0.005);
    }
    return succeed(x);
  };
}

TEST_F(PoolEvaluatorTest, WritesOffAGroupThatHangsAndGoesOn) {
  if (num_groups() < 2) {
    GTEST_SKIP() << "needs 2 groups";
  }
  run({.timeout_s = 0.3}, hang_once_in_sample_three, [&](method::Evaluator& evaluator) {
    const Collected collected = collect(evaluator, make_batch(40));

    auto& pool = dynamic_cast<PoolEvaluator&>(evaluator);
    EXPECT_EQ(pool.num_lost_groups(), 1);
    EXPECT_FALSE(pool.has_lost_all_groups());
    EXPECT_THAT(collected.num_calls, Each(1));
    int num_timeouts = 0;
    for (const auto& evaluation : collected.evaluations) {
      if (evaluation.status != method::Status::ok) {
        ++num_timeouts;
        EXPECT_EQ(evaluation.status, method::Status::timeout);
        EXPECT_EQ(evaluation.group, 0);
        EXPECT_THAT(evaluation.message, ::testing::HasSubstr("0.3 s"));
      }
    }
    EXPECT_EQ(num_timeouts, 1);
    // What the lost group still says belongs to no later batch.
    const auto later = make_batch(200);
    EXPECT_THAT(collect(evaluator, later).num_calls, Each(1));
  });
}

TEST_F(PoolEvaluatorTest, RepeatsATimeoutOnAnotherGroup) {
  if (num_groups() < 2) {
    GTEST_SKIP() << "needs 2 groups";
  }
  run({.timeout_s = 0.3, .retries = 1}, hang_once_in_sample_three,
      [&](method::Evaluator& evaluator) {
        const auto found = collect(evaluator, make_batch(20)).evaluations;

        int num_repeated = 0;
        for (const auto& evaluation : found) {
          EXPECT_EQ(evaluation.status, method::Status::ok);
          num_repeated += evaluation.attempts == 2 ? 1 : 0;
        }
        EXPECT_EQ(num_repeated, 1);
      });
}

TEST_F(PoolEvaluatorTest, ReturnsWhenAllGroupsAreLost) {
  const auto hang = [](const Eigen::VectorXd& x) {
    sleep_s(0.8);
    return succeed(x);
  };
  run({.timeout_s = 0.2, .retries = 5}, everywhere(hang), [&](method::Evaluator& evaluator) {
    const Collected collected = collect(evaluator, make_batch(20));

    auto& pool = dynamic_cast<PoolEvaluator&>(evaluator);
    EXPECT_TRUE(pool.has_lost_all_groups());
    EXPECT_TRUE(pool.must_abort());
    EXPECT_FALSE(pool.can_go_on());
    // The run that lost the last group is handed over: nobody is left to repeat it.
    EXPECT_EQ(std::accumulate(collected.num_calls.begin(), collected.num_calls.end(), 0), 1);
    EXPECT_THAT(collect(evaluator, make_batch(2)).num_calls, Each(0));
  });
}

/// Runs that were made ahead, by their first parameter.
using Ahead = std::map<double, method::Evaluation>;

/// Offers points (x, 0); what comes of them goes to `ahead`.
void offer(method::Evaluator& evaluator, const std::vector<double>& xs, Ahead& ahead) {
  method::Offer offer;
  offer.batch.points.setZero(2, static_cast<Eigen::Index>(xs.size()));
  for (std::size_t i = 0; i < xs.size(); ++i) {
    offer.batch.points(0, static_cast<Eigen::Index>(i)) = xs[i];
    offer.samples.push_back(static_cast<Eigen::Index>(i));
  }
  offer.sink = [&ahead](const method::Question& question, const method::Evaluation& evaluation) {
    EXPECT_FALSE(ahead.contains(question.point[0])) << "was run twice";
    ahead[question.point[0]] = evaluation;
  };
  evaluator.offer(offer);
}

method::Batch batch_at(double x) {
  method::Batch batch;
  batch.points = Eigen::Vector2d(x, 0);
  return batch;
}

/// Runs for its first parameter, in seconds; the QoIs say when.
model::ModelResult run_for(const Eigen::VectorXd& x) {
  return begin_and_end(x[0]);
}

TEST_F(PoolEvaluatorTest, RunsAheadOnIdleGroupsAndDoesNotWaitForThem) {
  run({}, everywhere(run_for), [&](method::Evaluator& evaluator) {
    Ahead ahead;
    EXPECT_EQ(evaluator.runs_ahead(), num_groups() > 1);
    offer(evaluator, {0.31, 0.32, 0.33}, ahead);

    const double begin = now_s();
    const Collected collected = collect(evaluator, batch_at(0.1));

    EXPECT_THAT(collected.num_calls, Each(1));
    EXPECT_FALSE(collected.evaluations[0].ran_ahead);
    EXPECT_LT(now_s() - begin, 0.3);
    EXPECT_TRUE(ahead.empty());
    EXPECT_EQ(evaluator.num_running_ahead(), std::min(3, num_groups() - 1));
    evaluator.settle();
    EXPECT_EQ(evaluator.num_running_ahead(), 0);
    EXPECT_EQ(static_cast<int>(ahead.size()), std::min(3, num_groups() - 1));
    for (const auto& [x, evaluation] : ahead) {
      EXPECT_EQ(evaluation.status, method::Status::ok);
      EXPECT_TRUE(evaluation.ran_ahead);
      EXPECT_NEAR(evaluation.qois[1] - evaluation.qois[0], x, 0.1);
    }
  });
}

TEST_F(PoolEvaluatorTest, WaitsForARunAheadThatIsAskedForInsteadOfMakingItTwice) {
  if (num_groups() < 2) {
    GTEST_SKIP() << "needs 2 groups";
  }
  run({}, everywhere(run_for), [&](method::Evaluator& evaluator) {
    Ahead ahead;
    offer(evaluator, {0.5}, ahead);
    collect(evaluator, batch_at(0.05));

    const double begin = now_s();
    offer(evaluator, {0.5}, ahead);  // it is at work already
    const Collected collected = collect(evaluator, batch_at(0.5));

    EXPECT_LT(now_s() - begin, 0.49);
    EXPECT_THAT(collected.num_calls, Each(1));
    EXPECT_EQ(collected.evaluations[0].status, method::Status::ok);
    EXPECT_TRUE(collected.evaluations[0].ran_ahead);
    EXPECT_EQ(collected.evaluations[0].attempts, 1);
    EXPECT_LT(collected.evaluations[0].qois[0], begin);
    evaluator.settle();
    EXPECT_TRUE(ahead.empty()) << "it is the batch's by now";
  });
}

TEST_F(PoolEvaluatorTest, WantsTheSameDerivativesOfARunAhead) {
  if (num_groups() < 2) {
    GTEST_SKIP() << "needs 2 groups";
  }
  run({}, everywhere(run_for), [&](method::Evaluator& evaluator) {
    Ahead ahead;
    offer(evaluator, {0.2}, ahead);
    collect(evaluator, batch_at(0.05));
    method::Batch with_jacobian = batch_at(0.2);
    with_jacobian.wanted.push_back({.jacobian = true});

    const Collected collected = collect(evaluator, with_jacobian);

    EXPECT_FALSE(collected.evaluations[0].ran_ahead);
    EXPECT_TRUE(ahead.contains(0.2));
  });
}

TEST_F(PoolEvaluatorTest, RunsNothingAheadThatWouldDelayTheNextBatch) {
  const auto model = [](const Eigen::VectorXd& x) { return begin_and_end(x[0] == 0 ? 0.15 : 0.2); };
  run({}, everywhere(model), [&](method::Evaluator& evaluator) {
    evaluator.learn(std::vector<double>(32, 0.2));
    Ahead ahead;
    offer(evaluator, {100, 101, 102}, ahead);

    collect(evaluator, make_batch(num_groups()));

    EXPECT_EQ(evaluator.num_running_ahead(), 0);
    EXPECT_TRUE(ahead.empty());
  });
}

TEST_F(PoolEvaluatorTest, RunsAheadBesideTheTailOfABatch) {
  if (num_groups() < 2) {
    GTEST_SKIP() << "needs 2 groups";
  }
  const auto model = [](const Eigen::VectorXd& /*x*/) { return begin_and_end(0.1); };
  run({}, everywhere(model), [&](method::Evaluator& evaluator) {
    Ahead ahead;
    offer(evaluator, {100, 101, 102, 103, 104}, ahead);

    collect(evaluator, make_batch(num_groups() + 1));
    evaluator.settle();

    // Beside the last point, which is alone in the second turn.
    EXPECT_EQ(static_cast<int>(ahead.size()), num_groups() - 1);
  });
}

TEST_F(PoolEvaluatorTest, RunsNoMoreAheadThanTheConcurrencyAllows) {
  run({.concurrency = 2}, everywhere(run_for), [&](method::Evaluator& evaluator) {
    Ahead ahead;
    offer(evaluator, {0.2, 0.21, 0.22}, ahead);

    collect(evaluator, batch_at(0.05));

    EXPECT_EQ(evaluator.num_running_ahead(), num_groups() > 1 ? 1 : 0);
    evaluator.settle();
  });
}

TEST_F(PoolEvaluatorTest, RunsNothingAheadWhereItIsNotWantedOrRunsAreCheap) {
  run({.run_ahead = false}, everywhere(run_for),
      [&](method::Evaluator& evaluator) { EXPECT_FALSE(evaluator.runs_ahead()); });
  run({}, everywhere(run_for), [&](method::Evaluator& evaluator) {
    evaluator.learn(std::vector<double>(32, 1e-4));
    EXPECT_FALSE(evaluator.runs_ahead());
  });
}

TEST_F(PoolEvaluatorTest, WritesOffAGroupThatHangsInARunAhead) {
  if (num_groups() < 2) {
    GTEST_SKIP() << "needs 2 groups";
  }
  run({.timeout_s = 0.3, .retries = 3}, everywhere(run_for), [&](method::Evaluator& evaluator) {
    Ahead ahead;
    offer(evaluator, {1.0}, ahead);
    EXPECT_THAT(collect(evaluator, batch_at(0.05)).num_calls, Each(1));
    auto& pool = dynamic_cast<PoolEvaluator&>(evaluator);
    EXPECT_EQ(pool.num_lost_groups(), 0);

    evaluator.settle();

    EXPECT_EQ(pool.num_lost_groups(), 1);
    ASSERT_TRUE(ahead.contains(1.0));
    EXPECT_EQ(ahead[1.0].status, method::Status::timeout);
    EXPECT_EQ(ahead[1.0].attempts, 1) << "it is not repeated";
    EXPECT_THAT(collect(evaluator, batch_at(0.02)).num_calls, Each(1));
  });
}

/// The second group, which gets what is run ahead first, fails or hangs; the others are sound.
auto fail_on_second_group(bool hangs) {
  return [hangs](const parallel::Groups& groups) {
    const bool is_broken = groups.index() == 1;
    return [is_broken, hangs](const Eigen::VectorXd& x) -> model::ModelResult {
      sleep_s(is_broken && hangs ? 1.5 : x[0]);
      return is_broken ? model::ModelResult{.status = invar::Status::model_failed,
                                            .message = "broken",
                                            .qois = {}}
                       : succeed(x);
    };
  };
}

TEST_F(PoolEvaluatorTest, MakesARunAheadAgainThatFailedOnceItIsAskedFor) {
  if (num_groups() < 2) {
    GTEST_SKIP() << "needs 2 groups";
  }
  run({}, fail_on_second_group(false), [&](method::Evaluator& evaluator) {
    Ahead ahead;
    offer(evaluator, {0.3}, ahead);
    collect(evaluator, batch_at(0.05));

    const Collected collected = collect(evaluator, batch_at(0.3));

    EXPECT_THAT(collected.num_calls, Each(1));
    EXPECT_EQ(collected.evaluations[0].status, method::Status::ok);
    EXPECT_EQ(collected.evaluations[0].attempts, 1);
    EXPECT_FALSE(collected.evaluations[0].ran_ahead);
    ASSERT_TRUE(ahead.contains(0.3));
    EXPECT_EQ(ahead[0.3].status, method::Status::model_failed);
  });
}

TEST_F(PoolEvaluatorTest, TakesNoTimeoutOfARunAheadForAnAnswer) {
  if (num_groups() < 2) {
    GTEST_SKIP() << "needs 2 groups";
  }
  run({.timeout_s = 0.5}, fail_on_second_group(true), [&](method::Evaluator& evaluator) {
    Ahead ahead;
    offer(evaluator, {0.1}, ahead);
    collect(evaluator, batch_at(0.05));

    const Collected collected = collect(evaluator, batch_at(0.1));

    EXPECT_EQ(dynamic_cast<PoolEvaluator&>(evaluator).num_lost_groups(), 1);
    EXPECT_EQ(collected.evaluations[0].status, method::Status::ok);
    EXPECT_EQ(collected.evaluations[0].attempts, 1);
    ASSERT_TRUE(ahead.contains(0.1));
    EXPECT_EQ(ahead[0.1].status, method::Status::timeout);
  });
}

TEST_F(PoolEvaluatorTest, StartsNothingAheadOnceAStopIsWanted) {
  const auto model = [](const Eigen::VectorXd& x) { return begin_and_end(x[0] == 0 ? 0.3 : 0.1); };
  run({}, everywhere(model), [&](method::Evaluator& evaluator) {
    Ahead ahead;
    offer(evaluator, {100, 101, 102, 103, 104, 105, 106, 107}, ahead);
    evaluator.set_on_idle([&] { stop_.ask(); });  // a tenth of a second after the beginning

    collect(evaluator, make_batch(1));

    EXPECT_LE(static_cast<int>(ahead.size()), 2 * (num_groups() - 1));
    EXPECT_EQ(evaluator.num_running_ahead(), 0);
  });
}

/// The last one: its ranks do not meet again.
TEST_F(PoolEvaluatorTest, MustAbortWhileAGroupDoesNotLeave) {
  const parallel::Groups groups(world_, 1);
  test::FunctionModel model(sizes, [](const Eigen::VectorXd& x) {
    sleep_s(0.5);
    return succeed(x);
  });
  if (!groups.is_manager()) {
    evaluation::serve_model(groups, &model);
    return;
  }
  PoolEvaluator evaluator(groups, {.timeout_s = 0.1}, stop_);
  collect(evaluator, make_batch(1));

  evaluator.shut_down(0.05);

  EXPECT_TRUE(evaluator.must_abort());
}

}  // namespace
