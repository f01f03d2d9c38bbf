#include "invar/evaluation/pool_evaluator.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "evaluation/codec.hpp"
#include "evaluation/run_model.hpp"
#include "evaluation/task_queue.hpp"
#include "invar/core/error.hpp"

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
        num_open_(samples.size()) {}

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
  using Call = std::vector<std::size_t>;  // tasks that a group runs in one go

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

  /// How many points are run in one go: as many as the model takes, but no group is left without.
  [[nodiscard]] std::size_t share() const {
    const auto num_groups = static_cast<std::size_t>(pool_.num_groups() - pool_.num_lost());
    const auto most = static_cast<std::size_t>(owner_.most_at_once_);
    return std::clamp<std::size_t>((num_open_ + num_groups - 1) / num_groups, 1, most);
  }

  bool give_one(int group) {
    const bool has_other = pool_.num_groups() - pool_.num_lost() > 1;
    Call call = queue_.take_several(share(), group, has_other);
    if (call.empty()) {
      return false;
    }
    requests_.clear();
    for (const std::size_t task : call) {
      requests_.push_back(request_for(batch_, samples_[task]));
    }
    encode_task(requests_, owner_.task_bytes_);
    pool_.submit(group, owner_.next_ticket_++, owner_.task_bytes_);
    calls_.push_back(std::move(call));
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

  /// The tasks of a ticket; none when an earlier `evaluate`, left by an exception, gave it out.
  Call take_call(std::int64_t ticket) {
    return ticket < first_ticket_
               ? Call{}
               : std::exchange(calls_[static_cast<std::size_t>(ticket - first_ticket_)], {});
  }

  void take_reply(const parallel::TaskPool::Reply& reply) {
    const Call call = take_call(reply.ticket);
    auto run = decode_reply(reply.bytes);
    if (!run || (!call.empty() && run->results.size() != call.size())) {
      run = all_failed(call.size(), Status::transport,
                       fmt::format("a reply of {} bytes is unreadable", reply.bytes.size()), 0.0);
    }
    owner_.run_times_.add(run->wall_seconds);
    finish(call, reply.group, *std::move(run));
  }

  void take_loss(const parallel::TaskPool::Loss& loss) {
    for (const std::int64_t ticket : loss.queued) {
      const Call never_begun = take_call(ticket);
      std::for_each(never_begun.rbegin(), never_begun.rend(),
                    [this](std::size_t task) { queue_.put_back(task); });
    }
    const Call call = take_call(loss.running);
    const double timeout_s = *owner_.options_.timeout_s;
    finish(call, loss.group,
           all_failed(call.size(), Status::timeout,
                      fmt::format("no answer within {} s (evaluation.timeout_s)", timeout_s),
                      timeout_s));
  }

  static ModelRun all_failed(std::size_t count, Status status, const std::string& message,
                             double wall_seconds) {
    return {
        .results = std::vector<model::ModelResult>(count, {.status = status, .message = message}),
        .wall_seconds = wall_seconds};
  }

  /// Keeps the groups busy, then hands the outcomes over; what is to be repeated is not.
  void finish(const Call& call, int group, ModelRun run) {
    std::vector<bool> is_repeated(call.size());
    for (std::size_t i = 0; i < call.size(); ++i) {
      is_repeated[i] = !owner_.has_lost_all_groups() &&
                       queue_.attempts(call[i]) <= num_retries(run, i, owner_.options_.retries);
      if (is_repeated[i]) {
        queue_.repeat(call[i]);
      }
    }
    fill(group);
    if (!queue_.is_empty() && pool_.num_busy() < pool_.num_groups() - pool_.num_lost()) {
      fill_all();
    }
    for (std::size_t i = 0; i < call.size(); ++i) {
      if (!is_repeated[i]) {
        auto evaluation = to_evaluation(std::move(run.results[i]), run.wall_seconds);
        evaluation.group = group;
        evaluation.attempts = queue_.attempts(call[i]);
        evaluation.host = owner_.groups_->host_of_group(group);
        --num_open_;
        sink_(samples_[call[i]], std::move(evaluation));
      }
    }
  }

  PoolEvaluator& owner_;
  parallel::TaskPool& pool_;
  const method::Batch& batch_;
  const std::vector<Eigen::Index>& samples_;
  const Sink& sink_;
  TaskQueue queue_;
  std::int64_t first_ticket_;
  std::vector<Call> calls_;  // by ticket, from the first on
  std::vector<model::ModelRequest> requests_;
  std::size_t num_open_;
};

PoolEvaluator::PoolEvaluator(const parallel::Groups& groups, const EvaluationOptions& options,
                             const parallel::StopControl& stop, int most_at_once)
    : groups_(&groups),
      options_(options),
      stop_(&stop),
      most_at_once_(most_at_once),
      pool_(groups, options.timeout_s) {
  INVAR_EXPECTS(most_at_once >= 1);
}

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
