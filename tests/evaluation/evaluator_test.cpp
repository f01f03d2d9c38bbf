// What every evaluator does, in place and over the pool.
#include <limits>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>

#include "evaluation/fixture.hpp"

namespace {

using namespace invar;
using test::all_samples;
using test::collect;
using test::Collected;
using test::make_batch;
using test::succeed;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

using Evaluator = test::EvaluationTest;

model::ModelResult linear(const Eigen::VectorXd& x) {
  return succeed(Eigen::Vector2d(x[0] + 0.1 * x[1], -x[1]));
}

void expect_linear(const method::Batch& batch, const Collected& collected) {
  ASSERT_EQ(static_cast<Eigen::Index>(collected.evaluations.size()), batch.points.cols());
  EXPECT_THAT(collected.num_calls, Each(1));
  for (std::size_t i = 0; i < collected.evaluations.size(); ++i) {
    const method::Evaluation& evaluation = collected.evaluations[i];
    EXPECT_EQ(evaluation.status, method::Status::ok) << evaluation.message;
    EXPECT_EQ(evaluation.qois, linear(batch.points.col(static_cast<Eigen::Index>(i))).qois);
    EXPECT_EQ(evaluation.attempts, 1);
    EXPECT_GE(evaluation.wall_seconds, 0);
    EXPECT_FALSE(evaluation.host.empty());
  }
}

TEST_F(Evaluator, GivesEverySampleItsOwnQois) {
  run({}, everywhere(linear), [&](method::Evaluator& evaluator) {
    const auto batch = make_batch(300);

    const Collected collected = collect(evaluator, batch);

    expect_linear(batch, collected);
  });
}

TEST_F(Evaluator, GivesTheSameOnGroupsOfTwo) {
  if (world_.size() < 3) {
    GTEST_SKIP() << "needs 3 ranks";
  }
  // The model exists on both ranks and they work together; QoIs are on the first one.
  const auto make_function = [](const parallel::Groups& groups) {
    const MPI_Comm comm = groups.group().get();
    const bool is_first = groups.group().rank() == 0;
    return [comm, is_first](const Eigen::VectorXd& x) {
      Eigen::Vector2d least;
      MPI_Allreduce(x.data(), least.data(), 2, MPI_DOUBLE, MPI_MIN, comm);
      return is_first ? linear(least) : succeed(Eigen::VectorXd());
    };
  };
  run({.ranks_per_model = 2}, make_function, [&](method::Evaluator& evaluator) {
    const auto batch = make_batch(40);

    const Collected collected = collect(evaluator, batch);

    expect_linear(batch, collected);
  });
}

TEST_F(Evaluator, EvaluatesOnlyTheSamplesThatAreAsked) {
  run({}, everywhere(linear), [&](method::Evaluator& evaluator) {
    std::vector<Eigen::Index> seen;
    const auto note = [&](Eigen::Index i, const method::Evaluation&) { seen.push_back(i); };

    evaluator.evaluate(make_batch(9), {2, 5, 6}, note);
    evaluator.evaluate(make_batch(9), {}, note);

    EXPECT_THAT(seen, ::testing::UnorderedElementsAre(2, 5, 6));
  });
}

TEST_F(Evaluator, TurnsWhateverAModelDoesIntoAStatus) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto misbehave = [=](const Eigen::VectorXd& x) -> model::ModelResult {
    switch (static_cast<int>(x[0])) {
      case 0:
        return {.status = invar::Status::model_failed, .message = "no convergence", .qois = {}};
      case 1:
        throw std::runtime_error("lost its mind");
      case 2:
        throw 42;
      case 3:
        return succeed(Eigen::VectorXd::Zero(5));
      case 4:
        return succeed(Eigen::Vector2d(1, nan));
      case 5:
        return succeed(Eigen::Vector2d(-infinity, 2));
      case 6:
        return {
            .status = invar::Status::model_failed, .message = {}, .qois = Eigen::VectorXd::Zero(2)};
      default:
        return linear(x);
    }
  };
  run({}, everywhere(misbehave), [&](method::Evaluator& evaluator) {
    const auto found = collect(evaluator, make_batch(8)).evaluations;

    using method::Status;
    EXPECT_EQ(found[0].status, Status::model_failed);
    EXPECT_EQ(found[0].message, "no convergence");
    EXPECT_EQ(found[1].status, Status::crashed);
    EXPECT_EQ(found[1].message, "lost its mind");
    EXPECT_EQ(found[2].status, Status::crashed);
    EXPECT_EQ(found[3].status, Status::bad_output);
    EXPECT_EQ(found[3].message, "expected 2 QoIs, found 5");
    EXPECT_EQ(found[3].qois.size(), 0);
    EXPECT_EQ(found[4].status, Status::non_finite);
    EXPECT_EQ(found[4].qois[0], 1);
    EXPECT_TRUE(std::isnan(found[4].qois[1]));
    EXPECT_THAT(found[4].message, HasSubstr("QoI 1 is nan (1 of 2"));
    EXPECT_EQ(found[5].status, Status::non_finite);
    EXPECT_THAT(found[5].message, HasSubstr("QoI 0 is -inf"));
    EXPECT_EQ(found[6].status, Status::model_failed);
    EXPECT_FALSE(found[6].message.empty());
    EXPECT_EQ(found[6].qois.size(), 0);
    EXPECT_EQ(found[7].status, Status::ok);
  });
}

/// q = (x y, x^2), with derivatives, wrong ones where x is 3 (a column short) or 4 (NaN).
class DerivativeModel : public model::Model {
 public:
  [[nodiscard]] Eigen::Index num_parameters() const override { return 2; }
  [[nodiscard]] Eigen::Index num_qois() const override { return 2; }
  [[nodiscard]] model::Capabilities capabilities() const override {
    return {.jacobian = true, .jacobian_vector = true, .vector_jacobian = true};
  }
  model::ModelResult evaluate(const model::ModelRequest& request) override {
    const Eigen::VectorXd& x = request.parameters;
    model::ModelResult result = succeed(Eigen::Vector2d(x[0] * x[1], x[0] * x[0]));
    Eigen::MatrixXd jacobian = jacobian_at(x);
    if (x[0] == 3) {
      jacobian.conservativeResize(2, 1);
    }
    if (x[0] == 4) {
      jacobian(1, 0) = std::numeric_limits<double>::quiet_NaN();
    }
    if (request.wants_jacobian) {
      result.jacobian = jacobian;
    }
    if (request.directions.cols() > 0) {
      result.jacobian_vectors = jacobian_at(x) * request.directions;
    }
    if (request.weights.cols() > 0) {
      result.vector_jacobians = jacobian_at(x).transpose() * request.weights;
    }
    return result;
  }
  static Eigen::MatrixXd jacobian_at(const Eigen::VectorXd& x) {
    return Eigen::MatrixXd{{x[1], x[0]}, {2 * x[0], 0.0}};
  }
};

TEST_F(Evaluator, BringsTheDerivativesThatAreWanted) {
  const auto make = [](const parallel::Groups&) { return std::make_unique<DerivativeModel>(); };
  run_model({}, make, [&](method::Evaluator& evaluator) {
    method::Batch batch = make_batch(6);
    batch.wanted.resize(6);
    batch.wanted[1].jacobian = true;
    batch.wanted[2].directions = Eigen::MatrixXd{{1, 2, 3}, {4, 5, 6}};
    batch.wanted[2].weights = Eigen::MatrixXd{{7}, {8}};
    batch.wanted[3].jacobian = true;
    batch.wanted[4].jacobian = true;

    const auto found = collect(evaluator, batch).evaluations;

    const auto jacobian = [&](Eigen::Index i) {
      return DerivativeModel::jacobian_at(batch.points.col(i));
    };
    EXPECT_TRUE(found[0].derivatives.is_empty());
    EXPECT_EQ(found[1].derivatives.jacobian, jacobian(1));
    EXPECT_EQ(found[1].derivatives.jacobian_vectors.size(), 0);
    EXPECT_EQ(found[2].derivatives.jacobian.size(), 0);
    EXPECT_EQ(found[2].derivatives.jacobian_vectors, jacobian(2) * batch.wanted[2].directions);
    EXPECT_EQ(found[2].derivatives.vector_jacobians,
              jacobian(2).transpose() * batch.wanted[2].weights);
    EXPECT_EQ(found[3].status, method::Status::bad_output);
    EXPECT_EQ(found[3].message, "Jacobian: expected 2 x 2 numbers, found 2 x 1");
    EXPECT_EQ(found[4].status, method::Status::non_finite);
    EXPECT_EQ(found[4].message, "1 of 4 derivatives not finite");
    EXPECT_EQ(found[4].qois.size(), 2);
    EXPECT_TRUE(found[4].derivatives.is_empty());
    EXPECT_EQ(found[5].status, method::Status::ok);
  });
}

TEST_F(Evaluator, AsksAModelWithoutDerivativesForNone) {
  run({}, everywhere(linear), [&](method::Evaluator& evaluator) {
    method::Batch batch = make_batch(1);
    batch.wanted.resize(1);
    batch.wanted[0].weights = Eigen::Vector2d(1, 1);

    const auto found = collect(evaluator, batch).evaluations;

    EXPECT_EQ(found[0].status, method::Status::bad_output);
    EXPECT_EQ(found[0].message, "vector-Jacobian products: expected 2 x 1 numbers, found 0 x 0");
  });
}

/// Runs up to 4 points at once; QoIs are x and how many there were. A call with a point x = 13
/// throws, and x = 5 fails at the first attempt.
class SeveralModel : public model::Model {
 public:
  [[nodiscard]] Eigen::Index num_parameters() const override { return 2; }
  [[nodiscard]] Eigen::Index num_qois() const override { return 2; }
  [[nodiscard]] Eigen::Index most_at_once() const override { return 4; }
  model::ModelResult evaluate(const model::ModelRequest& request) override {
    return evaluate_several({request}).front();
  }
  std::vector<model::ModelResult> evaluate_several(
      const std::vector<model::ModelRequest>& requests) override {
    std::vector<model::ModelResult> results;
    for (const model::ModelRequest& request : requests) {
      const double x = request.parameters[0];
      if (x == 13) {
        throw std::runtime_error("unlucky");
      }
      results.push_back(succeed(Eigen::Vector2d(x, static_cast<double>(requests.size()))));
      if (x == 5) {
        results.back() = {.status = invar::Status::model_failed, .message = "never 5"};
      }
    }
    return results;
  }
};

TEST_F(Evaluator, RunsSeveralPointsInOneGoWhereTheModelTakesThem) {
  const auto make = [](const parallel::Groups&) { return std::make_unique<SeveralModel>(); };
  run_model({}, make, [&](method::Evaluator& evaluator) {
    const Collected collected = collect(evaluator, make_batch(34));

    EXPECT_THAT(collected.num_calls, Each(1));
    std::size_t num_in_fours = 0;
    for (std::size_t i = 0; i < 34; ++i) {
      const method::Evaluation& found = collected.evaluations[i];
      if (i == 5) {
        EXPECT_EQ(found.status, method::Status::model_failed);
        EXPECT_EQ(found.message, "never 5");
        EXPECT_EQ(found.attempts, 1);
      } else if (i == 13) {
        EXPECT_EQ(found.status, method::Status::crashed);
        EXPECT_EQ(found.message, "unlucky");
      } else {  // those that ran with 13 ran again, alone
        EXPECT_EQ(found.status, method::Status::ok) << found.message;
        EXPECT_EQ(found.qois[0], static_cast<double>(i));
        num_in_fours += found.qois[1] == 4 ? 1U : 0U;
      }
    }
    EXPECT_GE(num_in_fours, 16U);
  });
}

TEST_F(Evaluator, LeavesNoGroupWithoutAPointToGiveAnotherSeveral) {
  const auto make = [](const parallel::Groups&) { return std::make_unique<SeveralModel>(); };
  run_model({}, make, [&](method::Evaluator& evaluator) {
    const Collected collected = collect(evaluator, make_batch(num_groups()));

    for (const method::Evaluation& found : collected.evaluations) {
      EXPECT_EQ(found.qois[1], 1);
    }
  });
}

TEST_F(Evaluator, CarriesTheFailureOfOneRankOfAGroup) {
  if (world_.size() < 3) {
    GTEST_SKIP() << "needs 3 ranks";
  }
  const auto make_function = [](const parallel::Groups& groups) {
    const bool is_second = groups.group().rank() == 1;
    return [is_second](const Eigen::VectorXd& x) {
      if (is_second && x[0] == 1) {
        throw std::runtime_error("the second rank alone");
      }
      return linear(x);
    };
  };
  run({.ranks_per_model = 2}, make_function, [&](method::Evaluator& evaluator) {
    const auto found = collect(evaluator, make_batch(3)).evaluations;

    EXPECT_EQ(found[0].status, method::Status::ok);
    EXPECT_EQ(found[1].status, method::Status::crashed);
    EXPECT_EQ(found[1].message, "the second rank alone");
    EXPECT_EQ(found[2].status, method::Status::ok);
  });
}

TEST_F(Evaluator, RepeatsAFailedRunAsOftenAsAllowedAndHandsOverTheLast) {
  const auto fail_on_odd = [](const Eigen::VectorXd& x) -> model::ModelResult {
    if (static_cast<int>(x[0]) % 2 == 1) {
      return {.status = invar::Status::model_failed, .message = "odd", .qois = {}};
    }
    return linear(x);
  };
  run({.retries = 3}, everywhere(fail_on_odd), [&](method::Evaluator& evaluator) {
    const Collected collected = collect(evaluator, make_batch(20));

    EXPECT_THAT(collected.num_calls, Each(1));
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(collected.evaluations[i].status,
                i % 2 == 1 ? method::Status::model_failed : method::Status::ok);
      EXPECT_EQ(collected.evaluations[i].attempts, i % 2 == 1 ? 4 : 1);
    }
  });
}

TEST_F(Evaluator, ReturnsWhenAStopIsAskedFor) {
  run({}, everywhere(linear), [&](method::Evaluator& evaluator) {
    int num_seen = 0;
    const auto batch = make_batch(50);
    const auto stop_at_third = [&](Eigen::Index, const method::Evaluation&) {
      if (++num_seen == 3) {
        stop_.ask();
      }
    };

    evaluator.evaluate(batch, all_samples(batch), stop_at_third);

    EXPECT_GE(num_seen, 3);
    const int num_before = num_seen;
    evaluator.evaluate(batch, all_samples(batch), stop_at_third);
    EXPECT_EQ(num_seen, num_before);
  });
}

TEST_F(Evaluator, ForgetsABatchThatItsSinkGaveUpOn) {
  run({}, everywhere(linear), [&](method::Evaluator& evaluator) {
    const auto first = make_batch(30);
    EXPECT_THROW(evaluator.evaluate(first, all_samples(first),
                                    [](Eigen::Index, const method::Evaluation&) {
                                      throw Error(ErrorKind::io, "disk full");
                                    }),
                 Error);
    auto second = make_batch(30);
    second.points.array() += 0.5;

    const Collected collected = collect(evaluator, second);

    expect_linear(second, collected);
  });
}

TEST(InPlaceEvaluator, RefusesATimeout) {
  const parallel::Comm world = parallel::Comm::duplicate(MPI_COMM_WORLD);
  if (world.size() > 1) {
    GTEST_SKIP() << "for one rank";
  }
  const parallel::Groups groups(world, 1);
  test::FunctionModel model({.num_parameters = 2, .num_qois = 2}, linear);
  const parallel::StopControl stop;

  try {
    const evaluation::InPlaceEvaluator evaluator(groups, model, {.timeout_s = 1.0}, stop);
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_THAT(error.what(), HasSubstr("evaluation.timeout_s"));
  }
}

}  // namespace
