// What a round of regression_vi costs on rank 0 beside the model: one tell and the next ask, with
// 10,000 runs stored (1,000 at d = 1,000 with Jacobians, for the memory: 400 kB each), m = 50 QoIs
// of a mildly nonlinear model, the usual number of new runs. Processor time, median and most of the
// rounds; that of the posterior; and the largest resident size.
//
//   regression_cost [--only D] [--rounds 5]
#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <Eigen/Dense>
#include <fmt/format.h>

#include "invar/core/random.hpp"
#include "invar/regression/regression_vi.hpp"

namespace {

using namespace invar;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index num_qois = 50;

/// Processor time of this thread: other programs on the machine disturb it least.
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// The largest resident size so far, bytes.
double peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") {
      double kilobytes = 0;
      status >> kilobytes;
      return 1024.0 * kilobytes;
    }
  }
  return 0.0;
}

/// q = g + 0.1 sin(3 g), g = G p.
struct Model {
  MatrixXd matrix;

  [[nodiscard]] MatrixXd qois(const MatrixXd& points) const {
    const MatrixXd g = matrix * points;
    return g.array() + 0.1 * (3.0 * g.array()).sin();
  }
  [[nodiscard]] MatrixXd jacobian(const VectorXd& p) const {
    const VectorXd slope = 1.0 + 0.3 * (3.0 * (matrix * p).array()).cos();
    return slope.asDiagonal() * matrix;
  }
};

struct Case {
  Index dimension;
  int num_stored;
  bool has_jacobians;
};

method::BatchResult evaluate(const Model& model, const method::Batch& batch) {
  const MatrixXd qois = model.qois(batch.points);
  method::BatchResult result;
  for (Index i = 0; i < batch.points.cols(); ++i) {
    method::Evaluation evaluation;
    evaluation.qois = qois.col(i);
    if (batch.wanted_of(i).jacobian) {
      evaluation.derivatives.jacobian = model.jacobian(batch.points.col(i));
    }
    result.evaluations.push_back(std::move(evaluation));
  }
  return result;
}

void measure(const Case& one, int num_rounds) {
  const Index d = one.dimension;
  const Model model{
      core::standard_normals({.seed = 3, .purpose = core::Purpose::test}, num_qois, d) /
      std::sqrt(static_cast<double>(d))};
  const space::Space space{.names = std::vector<std::string>(static_cast<std::size_t>(d), "p"),
                           .units = std::vector<std::string>(static_cast<std::size_t>(d)),
                           .prior = space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d)),
                           .bounds = space::Bounds::none(d)};
  const space::Observations observations{
      .values = model.qois(VectorXd::Constant(d, 0.5)),
      .noise = space::Noise::independent(VectorXd::Constant(num_qois, 0.25))};
  // The store is filled with a few large batches; then a method with the usual ones goes on.
  const regression::RegressionViOptions usual{.accuracy = 0.0, .max_evaluations = 100000000};
  regression::RegressionViOptions large = usual;
  large.sample_size = one.num_stored / 4;
  regression::RegressionVi filling(space, observations, large, std::nullopt,
                                   one.has_jacobians ? regression::DerivativeSource::jacobian
                                                     : regression::DerivativeSource::none);
  method::RecordedRounds told;
  while (filling.num_evaluations() + one.num_stored / 4 <= one.num_stored) {
    const method::Batch batch = filling.ask();
    told[batch.round] = evaluate(model, batch);
    filling.tell(told[batch.round]);
  }
  regression::RegressionVi method(space, observations, usual, std::nullopt,
                                  one.has_jacobians ? regression::DerivativeSource::jacobian
                                                    : regression::DerivativeSource::none);
  method.recall(told);
  method.restore(filling.state());
  told.clear();
  std::vector<double> seconds;
  for (int i = 0; i <= num_rounds; ++i) {
    const method::Batch batch = method.ask();
    const method::BatchResult result = evaluate(model, batch);
    const double begin = thread_seconds();
    method.tell(result);
    static_cast<void>(method.ask());
    if (i > 0) {
      seconds.push_back(thread_seconds() - begin);  // the first batch is still a large one
    }
  }
  std::sort(seconds.begin(), seconds.end());
  const double begin = thread_seconds();
  const bool has_posterior = method.posterior().has_value();
  const double for_posterior = thread_seconds() - begin;
  fmt::print("{:>5} {:>9} {:>8} {:>10.3f} {:>10.3f} {:>11.3f} {:>9.0f}\n", d,
             one.has_jacobians ? "yes" : "no", method.num_evaluations(),
             seconds[seconds.size() / 2], seconds.back(), has_posterior ? for_posterior : 0.0,
             peak_bytes() / 1e6);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int only = 0;
  int num_rounds = 5;
  CLI::App app("What a round of regression_vi costs beside the model");
  app.add_option("--only", only, "a dimension");
  app.add_option("--rounds", num_rounds);
  CLI11_PARSE(app, argc, argv);
  fmt::print("{:>5} {:>9} {:>8} {:>10} {:>10} {:>11} {:>9}\n", "d", "Jacobians", "runs", "round s",
             "most s", "posterior s", "peak MB");
  for (const Case& one :
       {Case{10, 10000, false}, Case{10, 10000, true}, Case{100, 10000, false},
        Case{100, 10000, true}, Case{1000, 10000, false}, Case{1000, 1000, true}}) {
    if (only == 0 || one.dimension == only) {
      measure(one, num_rounds);
    }
  }
  return 0;
}
