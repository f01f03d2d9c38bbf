#include "invar/evaluation/pool_evaluator.hpp"

#include <algorithm>
#include <chrono>
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
// Runs shorter than this are not made ahead: rank 0 has better things to do.
constexpr double dear_s = 2e-3;
// A run ahead may end so much later than the batch, as a share of a run.
constexpr double most_late = 0.25;

}  // namespace

/// One call of `evaluate`.
class PoolEvaluator::Round {
 public:
  Round(PoolEvaluator& owner, const method::Batch& batch, std::vector<Eigen::Index> samples,
        Sink sink)
      : owner_(owner),
        pool_(owner.pool_),
        batch_(batch),
        samples_(std::move(samples)),
        sink_(std::move(sink)),
        queue_(samples_.size()),
        num_open_(samples_.size()) {
    adopt();
  }

  void run() {
    fill_all();
    fill_ahead();
    // Nobody is at work when all groups are lost, or a stop lets nothing start.
    wait_while([this] { return num_open_ > 0; });
  }

  /// Waits for all that runs, without starting more.
  void settle() {
    wait_while([] { return true; });
  }

 private:
  using Clock = std::chrono::steady_clock;

  template <class Condition>
  void wait_while(Condition condition) {
    const parallel::TaskPool::Callbacks callbacks{
        .on_reply = [this](const auto& reply) { take_reply(reply); },
        .on_loss = [this](const auto& loss) { take_loss(loss); },
        .on_idle = owner_.on_idle_};
    while (condition() && pool_.num_busy() > 0 && !owner_.stop_->is_due()) {
      pool_.wait(callbacks, *owner_.stop_);
    }
  }

  /// Makes tasks of what runs already and is asked for now.
  void adopt() {
    for (auto& entry : owner_.calls_) {
      for (Job& job : entry.second.jobs) {
        job.task.reset();
      }
    }
    if (owner_.num_running_ahead() == 0) {
      return;
    }
    for (std::size_t task = 0; task < samples_.size(); ++task) {
      const auto [job, group] = owner_.find_ahead(batch_.question(samples_[task]));
      if (job != nullptr) {
        job->task = task;
        queue_.begun(task, group);
      }
    }
  }

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

  /// How many of some points are run in one go: as many as the model takes, but no group is left
  /// without.
  [[nodiscard]] std::size_t share(std::size_t num_points) const {
    const auto num_groups = static_cast<std::size_t>(pool_.num_groups() - pool_.num_lost());
    const auto most = static_cast<std::size_t>(owner_.most_at_once_);
    return std::clamp<std::size_t>((num_points + num_groups - 1) / num_groups, 1, most);
  }

  /// Gives a group what is in `requests_`.
  std::int64_t submit(int group, std::vector<Job> jobs) {
    encode_task(requests_, owner_.task_bytes_);
    const std::int64_t ticket = owner_.next_ticket_++;
    pool_.submit(group, ticket, owner_.task_bytes_);
    owner_.calls_[ticket] = {.group = group, .jobs = std::move(jobs)};
    return ticket;
  }

  bool give_one(int group) {
    const bool has_other = pool_.num_groups() - pool_.num_lost() > 1;
    std::vector<Job> jobs;
    requests_.clear();
    for (const std::size_t task : queue_.take_several(share(num_open_), group, has_other)) {
      jobs.push_back({.task = task});
      requests_.push_back(request_for(batch_, samples_[task]));
    }
    if (jobs.empty()) {
      return false;
    }
    const bool begins_now = pool_.load(group) == 0;
    const std::int64_t ticket = submit(group, std::move(jobs));
    if (begins_now) {
      newest_ = Begun{.ticket = ticket, .at = Clock::now()};
    }
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

  /// Whether one more group may run ahead without delaying the next batch, which is taken to be of
  /// the size of this one: it finds enough groups, or begins only after the run has ended.
  [[nodiscard]] bool may_run_ahead() const {
    if (!queue_.is_empty() || owner_.next_offered_ == owner_.offer_.samples.size()) {
      return false;
    }
    const int num_left = owner_.num_usable_groups() - owner_.num_running_ahead() - 1;
    if (num_left >= batch_.points.cols()) {
      return true;
    }
    const double mean_s = owner_.run_times_.mean_s();
    return newest_ &&
           std::chrono::duration<double>(Clock::now() - newest_->at).count() <= most_late * mean_s;
  }

  void give_ahead(int group) {
    const method::Offer& offer = owner_.offer_;
    std::vector<Job> jobs;
    requests_.clear();
    const std::size_t num_offered = offer.samples.size() - owner_.next_offered_;
    for (std::size_t i = std::min(share(num_offered), num_offered); i > 0; --i) {
      const Eigen::Index sample = offer.samples[owner_.next_offered_++];
      jobs.push_back({.ahead = offer.batch.question(sample)});
      requests_.push_back(request_for(offer.batch, sample));
    }
    submit(group, std::move(jobs));
  }

  void fill_ahead() {
    for (int group = 0; group < pool_.num_groups() && may_run_ahead(); ++group) {
      if (pool_.load(group) == 0 && has_room(group)) {
        give_ahead(group);
      }
    }
  }

  /// What a ticket stands for; without jobs when it is known no more.
  Call take_call(std::int64_t ticket) {
    if (newest_ && newest_->ticket == ticket) {
      newest_.reset();
    }
    const auto found = owner_.calls_.find(ticket);
    INVAR_EXPECTS(found != owner_.calls_.end());
    Call call = std::move(found->second);
    owner_.calls_.erase(found);
    return call;
  }

  void take_reply(const parallel::TaskPool::Reply& reply) {
    Call call = take_call(reply.ticket);
    auto run = decode_reply(reply.bytes);
    if (!run || run->results.size() != call.jobs.size()) {
      run = all_failed(call, Status::transport,
                       fmt::format("a reply of {} bytes is unreadable", reply.bytes.size()), 0.0);
    }
    owner_.run_times_.add(run->wall_seconds);
    finish(std::move(call), *std::move(run));
  }

  void take_loss(const parallel::TaskPool::Loss& loss) {
    for (const std::int64_t ticket : loss.queued) {
      const Call never_begun = take_call(ticket);
      std::for_each(never_begun.jobs.rbegin(), never_begun.jobs.rend(), [this](const Job& job) {
        if (job.task) {
          queue_.put_back(*job.task);
        }
      });
    }
    Call call = take_call(loss.running);
    const double timeout_s = *owner_.options_.timeout_s;
    ModelRun run = all_failed(
        call, Status::timeout,
        fmt::format("no answer within {} s (evaluation.timeout_s)", timeout_s), timeout_s);
    finish(std::move(call), std::move(run));
  }

  static ModelRun all_failed(const Call& call, Status status, const std::string& message,
                             double wall_seconds) {
    return {.results = std::vector<model::ModelResult>(call.jobs.size(),
                                                       {.status = status, .message = message}),
            .wall_seconds = wall_seconds};
  }

  /// Keeps the groups busy, then hands the outcomes over; what is to be repeated is not.
  void finish(Call call, ModelRun run) {
    std::vector<bool> is_repeated(call.jobs.size());
    for (std::size_t i = 0; i < call.jobs.size(); ++i) {
      Job& job = call.jobs[i];
      if (job.task && job.ahead && run.results[i].status != Status::ok) {
        queue_.disregard(*job.task);  // as if it had never been run
        job.task.reset();
      }
      is_repeated[i] = job.task && !owner_.has_lost_all_groups() &&
                       queue_.attempts(*job.task) <= num_retries(run, i, owner_.options_.retries);
      if (is_repeated[i]) {
        queue_.repeat(*job.task);
      }
    }
    fill(call.group);
    if (pool_.num_busy() < pool_.num_groups() - pool_.num_lost()) {
      fill_all();
      fill_ahead();
    }
    for (std::size_t i = 0; i < call.jobs.size(); ++i) {
      const auto& [task, ahead] = call.jobs[i];
      if (is_repeated[i] || (!task && !ahead)) {
        continue;
      }
      auto evaluation = to_evaluation(std::move(run.results[i]), run.wall_seconds);
      evaluation.group = call.group;
      evaluation.host = owner_.groups_->host_of_group(call.group);
      evaluation.ran_ahead = ahead.has_value();
      if (task) {
        evaluation.attempts = queue_.attempts(*task);
        --num_open_;
        sink_(samples_[*task], std::move(evaluation));
      } else {
        owner_.offer_.sink(*ahead, evaluation);
      }
    }
  }

  /// The run of the batch that began last.
  struct Begun {
    std::int64_t ticket;
    Clock::time_point at;
  };

  PoolEvaluator& owner_;
  parallel::TaskPool& pool_;
  const method::Batch& batch_;
  std::vector<Eigen::Index> samples_;
  Sink sink_;
  TaskQueue queue_;
  std::optional<Begun> newest_;  // none when it has ended
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
  offer_.samples.clear();
  next_offered_ = 0;
}

bool PoolEvaluator::runs_ahead() const {
  return options_.run_ahead && num_usable_groups() > 1 && run_times_.mean_s() >= dear_s;
}

void PoolEvaluator::offer(const method::Offer& offer) {
  offer_ = offer;
  next_offered_ = 0;
  std::erase_if(offer_.samples, [this](Eigen::Index sample) {
    return find_ahead(offer_.batch.question(sample)).job != nullptr;
  });
}

void PoolEvaluator::settle() {
  offer_.samples.clear();
  const method::Batch nothing;
  Round(*this, nothing, {}, {}).settle();
}

int PoolEvaluator::num_running_ahead() const {
  const auto runs_ahead = [](const auto& entry) {
    const std::vector<Job>& jobs = entry.second.jobs;
    return std::all_of(jobs.begin(), jobs.end(),
                       [](const Job& job) { return job.ahead && !job.task; });
  };
  return static_cast<int>(std::count_if(calls_.begin(), calls_.end(), runs_ahead));
}

PoolEvaluator::Found PoolEvaluator::find_ahead(const method::Question& question) {
  for (auto& [ticket, call] : calls_) {
    for (Job& job : call.jobs) {
      if (job.ahead && !job.task && is_same(*job.ahead, question)) {
        return {.job = &job, .group = call.group};
      }
    }
  }
  return {};
}

int PoolEvaluator::num_usable_groups() const {
  const int num_groups = pool_.num_groups() - pool_.num_lost();
  return std::min(num_groups, options_.concurrency.value_or(num_groups));
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
