// How close the pool comes to the list schedule: models that only sleep, for log-normal times.
//
//   mpiexec -n 9 scheduling [repetitions]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <queue>
#include <random>
#include <thread>
#include <vector>

#include <mpi.h>
#include <sys/resource.h>

#include <fmt/format.h>

#include "invar/evaluation/pool_evaluator.hpp"
#include "invar/evaluation/setup.hpp"
#include "invar/parallel/session.hpp"

namespace {

using namespace invar;

constexpr Eigen::Index batch_size = 256;
constexpr double mean_s = 0.020;
constexpr double sigma = 1.0;  // of the logarithm

/// Sleeps for its only parameter.
class SleepingModel : public model::Model {
 public:
  [[nodiscard]] Eigen::Index num_parameters() const override { return 1; }
  [[nodiscard]] Eigen::Index num_qois() const override { return 1; }
  model::ModelResult evaluate(const model::ModelRequest& request) override {
    std::this_thread::sleep_for(std::chrono::duration<double>(request.parameters[0]));
    return {.status = invar::Status::ok, .message = {}, .qois = request.parameters};
  }
};

Eigen::MatrixXd log_normal_times(unsigned seed) {
  std::mt19937_64 generator(seed);
  std::lognormal_distribution<double> draw(std::log(mean_s) - sigma * sigma / 2, sigma);
  Eigen::MatrixXd times(1, batch_size);
  for (Eigen::Index i = 0; i < batch_size; ++i) {
    times(0, i) = draw(generator);
  }
  return times;
}

/// When the last of the jobs ends if each, in index order, goes to the first free machine.
double list_schedule(const Eigen::MatrixXd& times, int num_machines) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int i = 0; i < num_machines; ++i) {
    free_at.push(0.0);
  }
  double last = 0;
  for (Eigen::Index i = 0; i < times.cols(); ++i) {
    const double end = free_at.top() + times(0, i);
    free_at.pop();
    free_at.push(end);
    last = std::max(last, end);
  }
  return last;
}

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto in_seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime);
}

void manage(const parallel::Groups& groups, int num_repetitions) {
  parallel::StopControl stop;
  evaluation::PoolEvaluator evaluator(groups, {}, stop);
  std::vector<Eigen::Index> samples(batch_size);
  std::iota(samples.begin(), samples.end(), 0);
  fmt::print("{} groups, batches of {}, log-normal times of mean {} s, sigma {}\n",
             groups.num_groups(), batch_size, mean_s, sigma);
  fmt::print("{:>6}{:>12}{:>16}{:>10}{:>22}\n", "seed", "wall s", "list schedule s", "ratio",
             "share of a core, rank 0");
  for (int i = 0; i < num_repetitions; ++i) {
    const auto seed = static_cast<unsigned>(i + 1);
    method::Batch batch;
    batch.points = log_normal_times(seed);
    const double cpu_begin = cpu_seconds();
    const double begin = seconds();
    evaluator.evaluate(batch, samples, [](Eigen::Index, const method::Evaluation&) {});
    const double wall = seconds() - begin;
    const double cpu = cpu_seconds() - cpu_begin;
    const double bound = list_schedule(batch.points, groups.num_groups());
    fmt::print("{:>6}{:>12.4f}{:>16.4f}{:>10.4f}{:>22.4f}\n", seed, wall, bound, wall / bound,
               cpu / wall);
  }
  evaluator.shut_down(60);
}

}  // namespace

int main(int argc, char** argv) {
  const parallel::Session session(argc, argv);
  const int num_repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  if (session.world().size() < 2) {
    fmt::print(stderr, "expected 2 ranks or more, found {}\n", session.world().size());
    return EXIT_FAILURE;
  }
  const parallel::Groups groups(session.world(), 1);
  if (groups.is_manager()) {
    fmt::print("{}\n", groups.description({}));
    manage(groups, num_repetitions);
    return EXIT_SUCCESS;
  }
  SleepingModel model;
  evaluation::serve_model(groups, &model);
  return EXIT_SUCCESS;
}
