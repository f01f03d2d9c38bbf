// What the evaluation pool costs per evaluation of a model that does nothing, beside a bare
// manager-worker loop that moves the same bytes with as many messages in flight.
//
//   mpiexec -n 2 pool_overhead [repetitions]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <numeric>
#include <vector>

#include <mpi.h>

#include <fmt/format.h>

#include "invar/evaluation/pool_evaluator.hpp"
#include "invar/evaluation/setup.hpp"
#include "invar/parallel/session.hpp"

namespace {

using namespace invar;

constexpr Eigen::Index num_parameters = 16;
constexpr Eigen::Index num_qois = 32;
constexpr Eigen::Index batch_size = 1000;
// What the pool sends: an id and the parameters; a head of 16 bytes and the QoIs.
constexpr std::size_t task_size = 8 + 8 * num_parameters;
constexpr std::size_t reply_size = 16 + 8 * num_qois;
constexpr int num_in_flight = 2;
constexpr int bare_tag = 17;

class NullModel : public model::Model {
 public:
  [[nodiscard]] Eigen::Index num_parameters() const override { return ::num_parameters; }
  [[nodiscard]] Eigen::Index num_qois() const override { return ::num_qois; }
  model::ModelResult evaluate(const model::ModelRequest& /*request*/) override {
    return {.status = invar::Status::ok, .message = {}, .qois = Eigen::VectorXd::Zero(::num_qois)};
  }
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// One batch through a plain loop; returns its time on rank 0.
double bare_manager(MPI_Comm comm) {
  std::array<std::array<std::byte, task_size>, num_in_flight> tasks{};
  std::array<MPI_Request, num_in_flight> requests{};
  requests.fill(MPI_REQUEST_NULL);
  std::array<std::byte, reply_size> reply{};
  const double begin = seconds();
  Eigen::Index num_sent = 0;
  const auto send = [&] {
    const auto slot = static_cast<std::size_t>(num_sent % num_in_flight);
    MPI_Wait(&requests[slot], MPI_STATUS_IGNORE);
    MPI_Isend(tasks[slot].data(), task_size, MPI_BYTE, 1, bare_tag, comm, &requests[slot]);
    ++num_sent;
  };
  for (int i = 0; i < num_in_flight; ++i) {
    send();
  }
  for (Eigen::Index i = 0; i < batch_size; ++i) {
    MPI_Recv(reply.data(), reply_size, MPI_BYTE, MPI_ANY_SOURCE, bare_tag, comm, MPI_STATUS_IGNORE);
    if (num_sent < batch_size) {
      send();
    }
  }
  MPI_Waitall(num_in_flight, requests.data(), MPI_STATUSES_IGNORE);
  return seconds() - begin;
}

void bare_worker(MPI_Comm comm) {
  std::array<std::byte, task_size> task{};
  std::array<std::byte, reply_size> reply{};
  for (Eigen::Index i = 0; i < batch_size; ++i) {
    MPI_Recv(task.data(), task_size, MPI_BYTE, 0, bare_tag, comm, MPI_STATUS_IGNORE);
    MPI_Send(reply.data(), reply_size, MPI_BYTE, 0, bare_tag, comm);
  }
}

double pool_manager(evaluation::PoolEvaluator& evaluator, const method::Batch& batch,
                    const std::vector<Eigen::Index>& samples) {
  Eigen::Index num_done = 0;
  const double begin = seconds();
  evaluator.evaluate(batch, samples, [&](Eigen::Index, method::Evaluation) { ++num_done; });
  const double end = seconds();
  if (num_done != batch_size) {
    fmt::print(stderr, "expected {} evaluations, found {}\n", batch_size, num_done);
    parallel::Session::abort(EXIT_FAILURE);
  }
  return end - begin;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void manage(const parallel::Groups& groups, MPI_Comm comm, int num_repetitions) {
  method::Batch batch;
  batch.points = Eigen::MatrixXd::Random(num_parameters, batch_size);
  std::vector<Eigen::Index> samples(batch_size);
  std::iota(samples.begin(), samples.end(), 0);
  parallel::StopControl stop;
  evaluation::PoolEvaluator evaluator(groups, {}, stop);
  std::vector<double> pool;
  std::vector<double> bare;
  std::vector<double> ratio;
  for (int i = 0; i < num_repetitions; ++i) {
    MPI_Barrier(comm);
    bare.push_back(bare_manager(comm));
    MPI_Barrier(comm);
    pool.push_back(pool_manager(evaluator, batch, samples));
    evaluator.shut_down(60);
    ratio.push_back(pool.back() / bare.back());
  }
  const double to_us = 1e6 / static_cast<double>(batch_size);
  fmt::print("{} parameters, {} QoIs, batches of {}, {} in flight, {} repetitions\n",
             num_parameters, num_qois, batch_size, num_in_flight, num_repetitions);
  fmt::print("{:<28}{:>10}{:>10}{:>10}\n", "", "median", "least", "most");
  const auto print = [](const char* name, const std::vector<double>& values, double scale) {
    fmt::print("{:<28}{:>10.3f}{:>10.3f}{:>10.3f}\n", name, median(values) * scale,
               *std::min_element(values.begin(), values.end()) * scale,
               *std::max_element(values.begin(), values.end()) * scale);
  };
  print("bare loop, us/evaluation", bare, to_us);
  print("pool, us/evaluation", pool, to_us);
  print("pool / bare", ratio, 1);
}

}  // namespace

int main(int argc, char** argv) {
  const parallel::Session session(argc, argv);
  const int num_repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 101;
  if (session.world().size() != 2) {
    fmt::print(stderr, "expected 2 ranks, found {}\n", session.world().size());
    return EXIT_FAILURE;
  }
  const parallel::Groups groups(session.world(), 1);
  const parallel::Comm comm = parallel::Comm::duplicate(session.world().get());
  if (groups.is_manager()) {
    manage(groups, comm.get(), num_repetitions);
    return EXIT_SUCCESS;
  }
  NullModel model;
  for (int i = 0; i < num_repetitions; ++i) {
    MPI_Barrier(comm.get());
    bare_worker(comm.get());
    MPI_Barrier(comm.get());
    evaluation::serve_model(groups, &model);
  }
  return EXIT_SUCCESS;
}
