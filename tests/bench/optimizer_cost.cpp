// What a round of run_vi costs on rank 0 beside the model: one tell and the next ask, every
// candidate accepted, m = 32 QoIs, compared in the same run with the one product of matrices that
// the round cannot do without (processor time, smallest of the repetitions):
//   gradient, independent components   (m x d)(d x N), the misfit's sensitivity seen by N samples;
//   gradient, correlated               (d x d)(d x N), the samples x = mean + std (L z);
//   newton                             (2d x N)(N x 2d), the Hessian.
// Beside it: bytes that the method holds between rounds, and the most it had during one, against
// 8 (N (d + m) + d^2).
#include <algorithm>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include <Eigen/Dense>
#include <fmt/format.h>
#include <malloc.h>

#include "invar/core/random.hpp"
#include "invar/vi/run_vi.hpp"

namespace {

using namespace invar;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index num_qois = 32;

/// Processor time of this thread: other programs on the machine disturb it least.
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double smallest(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

double held_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

/// The largest resident size since the last call of this with `restart`.
double peak_bytes(bool restart) {
  if (restart) {
    malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";
  }
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

struct Case {
  std::string name;
  bool is_correlated;
  bool is_newton;
  Index dimension;
  int sample_size;
};

MatrixXd normals(Index rows, Index columns, std::uint32_t block) {
  return core::standard_normals({.seed = 1, .purpose = core::Purpose::test, .block = block}, rows,
                                columns);
}

/// The time of the unavoidable product.
double product_seconds(const Case& one) {
  const Index d = one.dimension;
  const Index rows = one.is_newton ? 2 * d : one.is_correlated ? d : num_qois;
  const Index inner = one.is_newton ? one.sample_size : d;
  const Index columns = one.is_newton ? 2 * d : one.sample_size;
  const MatrixXd a = normals(rows, inner, 1);
  const MatrixXd b = normals(inner, columns, 2);
  MatrixXd c(rows, columns);
  std::vector<double> times;
  for (int i = 0; i < 20; ++i) {
    const double begin = thread_seconds();
    c.noalias() = a * b;
    times.push_back(thread_seconds() - begin);
  }
  return c.allFinite() ? smallest(times) : 0.0;
}

vi::RunVi make_method(const Case& one, const MatrixXd& model) {
  vi::RunViOptions options;
  options.sample_size = one.sample_size;
  options.line_search_config = vi::VIStochasticNonmonotoneLineSearchConfig{
      .initial_step_size = 1e-6,
      .relaxation_parameter = 1e9,
      .line_search_objective = vi::LineSearchObjective::mse};
  if (one.is_newton) {
    options.optimizer_method = vi::OptimizerMethod::newton;
    options.optimizer_config = vi::VINewtonOptimizerConfig{
        .newton_hessian_type = vi::NewtonHessianType::full, .gradient_norm_tolerance = 0.0};
  } else {
    options.optimizer_config = vi::VIGradientOptimizerConfig{.gradient_norm_tolerance = 0.0};
  }
  const Index d = one.dimension;
  space::Prior prior = space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d));
  if (one.is_correlated) {
    MatrixXd covariance = MatrixXd::Constant(d, d, 0.3);
    covariance.diagonal().setOnes();
    prior = space::Prior::multivariate(VectorXd::Zero(d), covariance);
  }
  const space::Space space{.names = std::vector<std::string>(static_cast<std::size_t>(d), "p"),
                           .units = {},
                           .prior = prior,
                           .bounds = space::Bounds::none(d)};
  const space::Observations observations{
      .values = model * VectorXd::Ones(d),
      .noise = space::Noise::independent(VectorXd::Ones(num_qois))};
  return {space, observations, options};
}

method::BatchResult evaluate(const MatrixXd& model, const method::Batch& batch) {
  const MatrixXd qois = model * batch.points;
  method::BatchResult result;
  for (Index i = 0; i < qois.cols(); ++i) {
    method::Evaluation evaluation;
    evaluation.qois = qois.col(i);
    result.evaluations.push_back(std::move(evaluation));
  }
  return result;
}

void measure(const Case& one) {
  const double product = product_seconds(one);
  const MatrixXd model = normals(num_qois, one.dimension, 3) / 10.0;
  const double before = held_bytes();
  vi::RunVi method = make_method(one, model);
  std::vector<double> rounds;
  method::Batch batch = method.ask();
  const double resident = peak_bytes(true);
  double held = 0.0;
  for (int i = 0; i < 20; ++i) {
    const method::BatchResult result = evaluate(model, batch);
    batch = {};
    const double begin = thread_seconds();
    method.tell(result);
    batch = method.ask();
    rounds.push_back(thread_seconds() - begin);
  }
  const double peak = peak_bytes(false) - resident;
  batch = {};
  held = held_bytes() - before;
  const auto d = static_cast<double>(one.dimension);
  const double unit = 8.0 * (one.sample_size * (d + num_qois) + d * d);
  fmt::print("{:<20} {:>5} {:>5} {:>11.3f} {:>11.3f} {:>8.1f} {:>9.2f} {:>7.1f} {:>9.2f}\n",
             one.name, one.dimension, one.sample_size, 1e3 * smallest(rounds), 1e3 * product,
             smallest(rounds) / product, held / 1e6, held / unit, peak / 1e6);
}

}  // namespace

int main() {
  fmt::print("{:<20} {:>5} {:>5} {:>11} {:>11} {:>8} {:>9} {:>7} {:>9}\n", "setting", "d", "N",
             "round ms", "product ms", "ratio", "held MB", "/unit", "peak MB");
  for (const Index d : {Index{10}, Index{100}, Index{1000}}) {
    for (const int n : {64, 1024}) {
      measure({"gradient diagonal", false, false, d, n});
      measure({"gradient correlated", true, false, d, n});
    }
  }
  for (const Index d : {Index{10}, Index{100}, Index{200}}) {
    for (const int n : {64, 1024}) {
      measure({"newton diagonal", false, true, d, n});
      measure({"newton correlated", true, true, d, n});
    }
  }
  fmt::print(
      "held: between rounds; unit: 8 (N (d + m) + d^2) bytes; peak: growth of the resident "
      "size during the rounds\n");
  return 0;
}
