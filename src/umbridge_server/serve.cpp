#include "invar/umbridge_server/serve.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <span>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/model/bytes.hpp"
#include "invar/parallel/agree.hpp"
#include "invar/parallel/serve.hpp"
#include "invar/parallel/task_pool.hpp"
#include "umbridge_server/http_server.hpp"
#include "umbridge_server/request_queue.hpp"

namespace invar::umbridge_server {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// How soon a stop is seen while nothing happens.
constexpr microseconds idle_nap{100'000};
// While runs are waited for: look again at once for a while, then in naps that grow.
constexpr microseconds look_for{100};
constexpr microseconds shortest_nap{20};
constexpr microseconds longest_nap{500};
constexpr int share = 16;
// How long runs may go on after a stop was asked for, and then groups may take to leave.
constexpr std::chrono::milliseconds patience{5000};
constexpr std::chrono::milliseconds goodbye{200};

// A number in JSON takes about 25 bytes; there may be blanks.
constexpr std::size_t bytes_per_number = 128;
constexpr std::size_t bytes_besides = std::size_t{1} << 20U;

/// Runs the model; whatever happens is a result, the same failure on all ranks of the group.
model::ModelResult run(model::Model& model, const model::ModelRequest& request,
                       const parallel::Comm& team) {
  try {
    return team.size() == 1 ? model.evaluate(request)
                            : parallel::agree(team, [&] { return model.evaluate(request); });
  } catch (...) {
    return model::crash_of(std::current_exception());
  }
}

void work(const parallel::Groups& groups, model::Model* model) {
  parallel::serve(groups, [&](std::span<const std::byte> bytes, std::vector<std::byte>& reply) {
    const auto request = model::take_request(bytes);
    INVAR_EXPECTS(request);
    reply.clear();
    model::append_bytes(run(*model, *request, groups.team()), reply);
  });
}

/// Hands the requests of a queue to the groups.
class Dispatcher {
 public:
  Dispatcher(const parallel::Groups& groups, RequestQueue& queue, std::optional<double> timeout_s)
      : queue_(queue), pool_(groups, timeout_s), timeout_s_(timeout_s) {}

  void run(const parallel::StopControl& stop) {
    Clock::time_point last_news = Clock::now();
    while (!stop.is_wanted() && !has_lost_all()) {
      const bool has_given = give();
      if (poll() || has_given) {
        last_news = Clock::now();
      } else if (pool_.num_busy() == 0) {
        queue_.wait(idle_nap);
        last_news = Clock::now();
      } else {
        pause(last_news);
      }
    }
    queue_.close();
    const Clock::time_point end = Clock::now() + patience;
    for (last_news = Clock::now(); pool_.num_busy() > 0 && Clock::now() < end;) {
      if (!poll()) {
        pause(last_news);
      }
    }
    for (auto& [ticket, job] : running_) {
      job.result.set_value(cancelled_result());
    }
  }

  [[nodiscard]] bool has_lost_all() const { return pool_.num_lost() == pool_.num_groups(); }

  /// Whether all other ranks have left.
  bool shut_down() {
    // A group that hangs is not waited for a second time.
    const bool has_hanging = pool_.num_busy() > 0 || pool_.num_lost() > 0;
    return pool_.shut_down(std::chrono::duration<double>(has_hanging ? goodbye : patience).count());
  }

 private:
  bool give() {
    bool has_given = false;
    for (int group = 0; group < pool_.num_groups(); ++group) {
      if (pool_.is_lost(group) || pool_.load(group) > 0) {
        continue;
      }
      auto job = queue_.take();
      if (!job) {
        break;
      }
      bytes_.clear();
      model::append_bytes(job->request, bytes_);
      pool_.submit(group, next_ticket_, bytes_);
      running_.emplace(next_ticket_++, *std::move(job));
      has_given = true;
    }
    return has_given;
  }

  bool poll() {
    return pool_.num_busy() > 0 &&
           pool_.poll(
               {.on_reply =
                    [this](const auto& reply) { finish(reply.ticket, result_of(reply.bytes)); },
                .on_loss =
                    [this](const auto& loss) {
                      finish(loss.running,
                             {.status = Status::timeout,
                              .message = fmt::format("no answer within {} s (evaluation.timeout_s)",
                                                     timeout_s_.value_or(0.0))});
                    }});
  }

  static model::ModelResult result_of(std::span<const std::byte> bytes) {
    const std::size_t size = bytes.size();
    auto result = model::take_result(bytes);
    return result ? *std::move(result)
                  : model::ModelResult{
                        .status = Status::transport,
                        .message = fmt::format("a reply of {} bytes is unreadable", size)};
  }

  void finish(std::int64_t ticket, model::ModelResult result) {
    auto job = running_.extract(ticket);
    job.mapped().result.set_value(std::move(result));
  }

  void pause(Clock::time_point last_news) {
    const auto waited = std::chrono::duration_cast<microseconds>(Clock::now() - last_news);
    if (waited > look_for) {
      const auto nap = std::clamp(waited / share, shortest_nap, longest_nap);
      if (has_idle_group()) {
        queue_.wait(nap);  // a new request is taken at once
      } else {
        std::this_thread::sleep_for(nap);
      }
    }
  }

  [[nodiscard]] bool has_idle_group() const {
    return pool_.num_busy() < pool_.num_groups() - pool_.num_lost();
  }

  RequestQueue& queue_;
  parallel::TaskPool pool_;
  std::optional<double> timeout_s_;
  std::int64_t next_ticket_ = 0;
  std::map<std::int64_t, Job> running_;
  std::vector<std::byte> bytes_;
};

void run_in_place(const parallel::Groups& groups, model::Model& model, RequestQueue& queue,
                  const parallel::StopControl& stop) {
  while (!stop.is_wanted()) {
    if (auto job = queue.take()) {
      job->result.set_value(run(model, job->request, groups.team()));
    } else {
      queue.wait(idle_nap);
    }
  }
  queue.close();
}

/// The capabilities and sizes of the model, which the manager of several ranks does not have.
ServedModel describe(const parallel::Groups& groups, const model::Model* model,
                     const ServerOptions& options) {
  const model::Capabilities own =
      model == nullptr
          ? model::Capabilities{.jacobian = true, .jacobian_vector = true, .vector_jacobian = true}
          : model->capabilities();
  const parallel::Comm& all = groups.all();
  ServedModel served;
  served.name = options.model_name;
  served.num_parameters = options.sizes.num_parameters;
  served.num_qois = options.sizes.num_qois;
  served.can.jacobian = parallel::all_of(all, own.jacobian);
  served.can.jacobian_vector = parallel::all_of(all, own.jacobian_vector);
  served.can.vector_jacobian = parallel::all_of(all, own.vector_jacobian);
  return served;
}

}  // namespace

ServerOutcome serve(const parallel::Groups& groups, model::Model* model,
                    const ServerOptions& options, const parallel::StopControl& stop,
                    const std::function<void(const std::string& url)>& on_listen) {
  const parallel::Comm& all = groups.all();
  const ServedModel served = describe(groups, model, options);
  RequestQueue queue(options.most_queued);
  const Run hand_over = [&queue](const model::ModelRequest& request) {
    auto result = queue.submit(request);
    return result ? std::optional(result->get()) : std::nullopt;
  };
  std::unique_ptr<HttpServer> http;
  parallel::agree(all, [&] {
    if (!groups.is_manager()) {
      return;
    }
    if (all.size() == 1 && options.timeout_s) {
      throw Error(ErrorKind::config,
                  "evaluation.timeout_s: cannot be enforced on one rank, where the model runs in "
                  "place; start two ranks or more (mpirun -n 2), give the model a process of its "
                  "own (model.isolation: process), or leave it out");
    }
    const auto numbers = static_cast<std::size_t>(2 * served.num_parameters + served.num_qois);
    http = std::make_unique<HttpServer>(
        options.host, options.port, bytes_besides + bytes_per_number * numbers,
        [&served, &hand_over](const std::string& path, const std::string& body) {
          return respond(served, path, body, hand_over);
        });
    on_listen(fmt::format(
        "http://{}:{}",
        options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]",
        http->port()));
  });

  ServerOutcome outcome;
  if (!groups.is_manager()) {
    work(groups, model);
  } else if (all.size() == 1) {
    run_in_place(groups, *model, queue, stop);
    http->stop();
  } else {
    // MPI may still read what was sent to groups that do not leave.
    auto dispatcher = std::make_unique<Dispatcher>(groups, queue, options.timeout_s);
    dispatcher->run(stop);
    http->stop();
    outcome.exit_code = dispatcher->has_lost_all() ? static_cast<int>(ErrorKind::unavailable) : 0;
    if (!dispatcher->shut_down()) {
      std::ignore = dispatcher.release();
      outcome.must_abort = true;
      return outcome;
    }
  }
  std::string code = std::to_string(outcome.exit_code);
  parallel::broadcast(all, code);
  outcome.exit_code = std::stoi(code);
  return outcome;
}

}  // namespace invar::umbridge_server
