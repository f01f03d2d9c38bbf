#pragma once

// Evaluations on whatever ranks the test was started with: the manager runs the test, the others
// serve a model that is a plain function.

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include <mpi.h>

#include <gtest/gtest.h>

#include "invar/evaluation/in_place_evaluator.hpp"
#include "invar/evaluation/pool_evaluator.hpp"
#include "invar/evaluation/setup.hpp"
#include "invar/parallel/comm.hpp"

namespace invar::test {

/// A model that is a function of its parameters.
class FunctionModel : public model::Model {
 public:
  using Function = std::function<model::ModelResult(const Eigen::VectorXd&)>;

  FunctionModel(const model::ProblemSizes& sizes, Function function)
      : sizes_(sizes), function_(std::move(function)) {}

  [[nodiscard]] Eigen::Index num_parameters() const override { return sizes_.num_parameters; }
  [[nodiscard]] Eigen::Index num_qois() const override { return sizes_.num_qois; }
  model::ModelResult evaluate(const model::ModelRequest& request) override {
    return function_(request.parameters);
  }

 private:
  model::ProblemSizes sizes_;
  Function function_;
};

inline model::ModelResult succeed(const Eigen::VectorXd& qois) {
  return {.status = invar::Status::ok, .message = {}, .qois = qois};
}

/// Sample i has the parameters i, 2 i.
inline method::Batch make_batch(Eigen::Index num_samples) {
  method::Batch batch;
  batch.first_id = 100;
  batch.points.resize(2, num_samples);
  for (Eigen::Index i = 0; i < num_samples; ++i) {
    batch.points.col(i) << static_cast<double>(i), 2.0 * static_cast<double>(i);
  }
  return batch;
}

inline std::vector<Eigen::Index> all_samples(const method::Batch& batch) {
  std::vector<Eigen::Index> samples(static_cast<std::size_t>(batch.points.cols()));
  std::iota(samples.begin(), samples.end(), 0);
  return samples;
}

/// What the sink was given, by index; `num_calls` is 0 for samples that were never handed over.
struct Collected {
  std::vector<method::Evaluation> evaluations;
  std::vector<int> num_calls;
};

inline Collected collect(method::Evaluator& evaluator, const method::Batch& batch) {
  const auto count = static_cast<std::size_t>(batch.points.cols());
  Collected collected{std::vector<method::Evaluation>(count), std::vector<int>(count)};
  evaluator.evaluate(batch, all_samples(batch), [&](Eigen::Index i, method::Evaluation evaluation) {
    collected.evaluations[static_cast<std::size_t>(i)] = std::move(evaluation);
    ++collected.num_calls[static_cast<std::size_t>(i)];
  });
  return collected;
}

class EvaluationTest : public ::testing::Test {
 protected:
  static constexpr model::ProblemSizes sizes{.num_parameters = 2, .num_qois = 2};

  /// Gives the function that is the model on a group.
  using MakeFunction = std::function<FunctionModel::Function(const parallel::Groups& groups)>;

  /// Calls `body(evaluator)` on the manager with the evaluator that belongs to the ranks.
  void run(const evaluation::EvaluationOptions& options, const MakeFunction& make_function,
           const std::function<void(method::Evaluator&)>& body) {
    run_model(
        options,
        [&](const parallel::Groups& groups) {
          return std::make_unique<FunctionModel>(sizes, make_function(groups));
        },
        body);
  }

  /// The same with any model.
  void run_model(
      const evaluation::EvaluationOptions& options,
      const std::function<std::unique_ptr<model::Model>(const parallel::Groups&)>& make_model,
      const std::function<void(method::Evaluator&)>& body) {
    const parallel::Groups groups(world_, options.ranks_per_model);
    const auto model = evaluation::make_model(
        groups, [&](MPI_Comm) { return make_model(groups); }, sizes);
    const int most_at_once = evaluation::most_at_once(groups, model.get());
    if (!groups.is_manager()) {
      evaluation::serve_model(groups, model.get());
    } else if (world_.size() == 1) {
      evaluation::InPlaceEvaluator evaluator(groups, *model, options, stop_);
      body(evaluator);
    } else {
      evaluation::PoolEvaluator evaluator(groups, options, stop_, most_at_once);
      body(evaluator);
      evaluator.shut_down(30);
      EXPECT_FALSE(evaluator.must_abort());
    }
  }

  /// The same function on all groups.
  static MakeFunction everywhere(FunctionModel::Function function) {
    return [function = std::move(function)](const parallel::Groups&) { return function; };
  }

  /// Groups of one rank.
  [[nodiscard]] int num_groups() const { return std::max(1, world_.size() - 1); }

  parallel::Comm world_ = parallel::Comm::duplicate(MPI_COMM_WORLD);
  parallel::StopControl stop_;
};

}  // namespace invar::test
