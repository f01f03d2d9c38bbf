#include "invar/evaluation/pool_evaluator.hpp"

#include <utility>

#include <fmt/format.h>

#include "evaluation/codec.hpp"
#include "evaluation/task_queue.hpp"

namespace invar::evaluation {
namespace {

// Below this mean a group holds a point in advance: the round trip, some tens of microseconds and
// a nap, would cost a fair share of the run. Above it the point is better left for whoever is free.
constexpr double cheap_s = 0.5e-3;
// Points that a group has at a time when runs are cheap: one to work on, one in advance.
constexpr std::size_t most_held = 2;

}  // namespace

/// One call of `evaluate`.
class PoolEvaluator::Round {
 public:
  Round(PoolEvaluator& owner, const method::Batch& batch, const std::vector<Eigen::Index>& samples,
        const Sink& sink)
      : owner_(owner),
        pool_(owner.pool_),
        batch_(batch),
        samples_(samples),
        sink_(sink),
        queue_(samples.size()),
        first_ticket_(owner.next_ticket_),
        num_open_(samples.size()) {
    owner.next_ticket_ += static_cast<std::int64_t>(samples.size());
  }

  void run() {
    const parallel::TaskPool::Callbacks callbacks{
        .on_reply = [this](const auto& reply) { take_reply(reply); },
        .on_loss = [this](const auto& loss) { take_loss(loss); },
        .on_idle = owner_.on_idle_};
    fill_all();
    // Nobody is at work when everything is done, all groups are lost, or a stop lets nothing start.
    while (num_open_ > 0 && pool_.num_busy() > 0 && !owner_.stop_->is_due()) {
      pool_.wait(callbacks, *owner_.stop_);
    }
  }

 private:
  using Evaluation = method::Evaluation;

  /// A group at work may hold another when runs are cheap; an idle one may begin when fewer than
  /// `concurrency` are at work.
  [[nodiscard]] bool has_room(int group) const {
    if (pool_.is_lost(group) || !owner_.may_start()) {
      return false;
    }
    if (pool_.load(group) > 0) {
      return pool_.load(group) < most_held && owner_.run_times_.mean_s() < cheap_s;
    }
    const std::optional<int>& cap = owner_.options_.concurrency;
    return !cap || pool_.num_busy() < *cap;
  }

  bool give_one(int group) {
    const bool has_other = pool_.num_groups() - pool_.num_lost() > 1;
    const auto task = queue_.take(group, has_other);
    if (!task) {
      return false;
    }
    const Eigen::Index sample = samples_[*task];
    encode_task(batch_.first_id + sample, batch_.points.col(sample), owner_.task_bytes_);
    pool_.submit(group, first_ticket_ + static_cast<std::int64_t>(*task), owner_.task_bytes_);
    return true;
  }

  void fill(int group) {
    while (!queue_.is_empty() && has_room(group) && give_one(group)) {
    }
  }

  /// One for every idle group before anyone gets a second.
  void fill_all() {
    for (std::size_t load = 0; load < most_held && !queue_.is_empty(); ++load) {
      for (int group = 0; group < pool_.num_groups(); ++group) {
        if (pool_.load(group) == load && has_room(group)) {
          give_one(group);
        }
      }
    }
  }

  /// The task of a ticket; none when an earlier call, left by an exception, gave it out.
  [[nodiscard]] std::optional<std::size_t> task_of(std::int64_t ticket) const {
    return ticket < first_ticket_ ? std::nullopt
                                  : std::optional(static_cast<std::size_t>(ticket - first_ticket_));
  }

  void take_reply(const parallel::TaskPool::Reply& reply) {
    auto evaluation = decode_reply(reply.bytes);
    if (!evaluation) {
      evaluation.emplace();
      evaluation->status = method::Status::transport;
      evaluation->message = fmt::format("a reply of {} bytes is unreadable", reply.bytes.size());
    }
    owner_.run_times_.add(evaluation->wall_seconds);
    finish(reply.ticket, reply.group, std::move(*evaluation));
  }

  void take_loss(const parallel::TaskPool::Loss& loss) {
    for (const std::int64_t ticket : loss.queued) {
      if (const auto task = task_of(ticket)) {
        queue_.put_back(*task);
      }
    }
    Evaluation evaluation;
    evaluation.status = method::Status::timeout;
    evaluation.wall_seconds = *owner_.options_.timeout_s;
    evaluation.message =
        fmt::format("no answer within {} s (evaluation.timeout_s)", *owner_.options_.timeout_s);
    finish(loss.running, loss.group, std::move(evaluation));
  }

  /// Keeps the groups busy, then hands the outcome over or has the run repeated.
  void finish(std::int64_t ticket, int group, Evaluation evaluation) {
    const auto task = task_of(ticket);
    const bool is_repeated = task && evaluation.status != method::Status::ok &&
                             !owner_.has_lost_all_groups() &&
                             queue_.attempts(*task) <= owner_.options_.retries;
    if (is_repeated) {
      queue_.repeat(*task);
    }
    fill(group);
    if (!queue_.is_empty() && pool_.num_busy() < pool_.num_groups() - pool_.num_lost()) {
      fill_all();
    }
    if (!task || is_repeated) {
      return;
    }
    evaluation.group = group;
    evaluation.attempts = queue_.attempts(*task);
    evaluation.host = owner_.groups_->host_of_group(group);
    --num_open_;
    sink_(samples_[*task], std::move(evaluation));
  }

  PoolEvaluator& owner_;
  parallel::TaskPool& pool_;
  const method::Batch& batch_;
  const std::vector<Eigen::Index>& samples_;
  const Sink& sink_;
  TaskQueue queue_;
  std::int64_t first_ticket_;
  std::size_t num_open_;
};

PoolEvaluator::PoolEvaluator(const parallel::Groups& groups, const EvaluationOptions& options,
                             const parallel::StopControl& stop)
    : groups_(&groups), options_(options), stop_(&stop), pool_(groups, options.timeout_s) {}

void PoolEvaluator::evaluate(const method::Batch& batch, const std::vector<Eigen::Index>& samples,
                             const Sink& sink) {
  Round(*this, batch, samples, sink).run();
}

bool PoolEvaluator::may_start() const {
  return !stop_->is_wanted() && run_times_.would_likely_finish(stop_->seconds_left());
}

void PoolEvaluator::learn(const std::vector<double>& run_times) {
  run_times_.add(run_times);
}

void PoolEvaluator::shut_down(double patience_s) {
  have_all_left_ = pool_.shut_down(patience_s);
}

}  // namespace invar::evaluation
