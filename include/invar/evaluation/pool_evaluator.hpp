#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "invar/evaluation/options.hpp"
#include "invar/evaluation/run_times.hpp"
#include "invar/method/evaluator.hpp"
#include "invar/parallel/groups.hpp"
#include "invar/parallel/stop_control.hpp"
#include "invar/parallel/task_pool.hpp"

namespace invar::evaluation {

/// Hands the points of a batch to the groups of ranks, in index order, each to the first group that
/// is free.
///
/// When runs of the model are cheap, a group holds one point in advance, so that it never waits for
/// the round trip. A failed run is tried again up to `retries` times, on another group as long as
/// there is one. A group that exceeds the timeout is written off and the others go on.
///
/// What is offered runs on groups that are idle while no point of the batch waits, and only where
/// that does not delay the next batch: as many groups as the batch has points are left free of it,
/// or the batch has just begun a run that will take as long.
///
/// MPI: Manager only, of a job of several ranks; the others are in `serve_model`.
class PoolEvaluator : public method::Evaluator {
 public:
  /// Lifetime: groups and stop must outlive it.
  /// @param most_at_once  points that a group runs in one go, if there are enough for all groups
  PoolEvaluator(const parallel::Groups& groups, const EvaluationOptions& options,
                const parallel::StopControl& stop, int most_at_once = 1);

  /// As `Evaluator::evaluate`. The sink may take its time: the group is given its next point first.
  ///
  /// Nothing is started once a stop is wanted, or when it would hardly finish before the end: when
  /// less than half of the recent runs were as short as the time that is left. What runs then is
  /// waited for until the stop is due.
  ///
  /// Failure: a run beyond the timeout has the status timeout. At a stop, or when all groups are
  ///          lost, some samples are never handed over.
  void evaluate(const method::Batch& batch, const std::vector<Eigen::Index>& samples,
                const Sink& sink) override;

  /// Whether there are several groups, runs take some milliseconds or more, and it is wanted.
  [[nodiscard]] bool runs_ahead() const override;

  /// For the next `evaluate`; its sink may be called until the last `evaluate` or `settle`.
  void offer(const method::Offer& offer) override;
  void settle() override;
  [[nodiscard]] int num_running_ahead() const override;

  /// False once all groups are lost.
  [[nodiscard]] bool can_go_on() const override { return !has_lost_all_groups(); }

  /// How long runs took before, in seconds, oldest first: those of an earlier part of a campaign.
  void learn(const std::vector<double>& run_times) override;

  void set_on_idle(const std::function<void()>& on_idle) override { on_idle_ = on_idle; }

  [[nodiscard]] int num_lost_groups() const noexcept { return pool_.num_lost(); }
  [[nodiscard]] bool has_lost_all_groups() const noexcept {
    return pool_.num_lost() == pool_.num_groups();
  }

  /// Lets all other ranks leave `serve_model`.
  ///
  /// @param patience_s  how long to wait for groups that are still at work, in seconds
  void shut_down(double patience_s);

  /// Whether MPI_Finalize would wait for ever: until `shut_down` has seen all groups leave. Then
  /// save everything and end with `Session::abort`.
  [[nodiscard]] bool must_abort() const noexcept { return !have_all_left_; }

 private:
  class Round;

  /// A point that a group has: a task of the batch at hand, or one that nobody has asked for yet,
  /// or one that was asked for after it had begun. Neither: its batch was left by an exception.
  struct Job {
    std::optional<std::size_t> task = std::nullopt;
    std::optional<method::Question> ahead = std::nullopt;
  };

  /// What a group runs in one go.
  struct Call {
    int group = 0;
    std::vector<Job> jobs;
  };

  [[nodiscard]] bool may_start() const;
  [[nodiscard]] int num_usable_groups() const;

  /// A point that runs and that nobody has asked for, and where; null where there is none.
  struct Found {
    Job* job = nullptr;
    int group = -1;
  };
  [[nodiscard]] Found find_ahead(const method::Question& question);

  const parallel::Groups* groups_;
  EvaluationOptions options_;
  const parallel::StopControl* stop_;
  int most_at_once_;
  parallel::TaskPool pool_;
  std::vector<std::byte> task_bytes_;
  std::int64_t next_ticket_ = 0;        // tickets are never used twice
  std::map<std::int64_t, Call> calls_;  // by ticket; what runs ahead outlives its round
  method::Offer offer_;
  std::size_t next_offered_ = 0;  // of its samples
  RunTimes run_times_;
  std::function<void()> on_idle_ = [] {};
  bool have_all_left_ = false;
};

}  // namespace invar::evaluation
