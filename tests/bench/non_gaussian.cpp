// What regression_vi says of posteriors that are no Gaussians, with default settings from the
// prior:
//
//   banana   y - x^2 is measured as 0, noise 0.3; x from N(0, 1), y from N(0, 3^2)
//   twisted  the same with x from N(0, 2^2) and the noise 0.5: longer arms
//   donut    sqrt(x^2 + y^2) is measured as 1, noise 0.1; x and y from N(0, 1)
//
// Printed per problem, medians over seeds: the largest error of a mean, in exact standard
// deviations, and the largest relative error of a standard deviation, of the Gaussian and of the
// moments corrected with the runs' weights; in how many seeds both errors of the corrected ones are
// smaller; Pareto k and the effective sample size of the weights; and the finding in words. Exact
// moments are by quadrature.
//
// Options: --seeds, --runs, --accuracy.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <Eigen/Dense>
#include <fmt/format.h>

#include "invar/regression/regression_vi.hpp"

namespace {

using namespace invar;
using Eigen::Index;
using Eigen::Vector2d;
using Eigen::VectorXd;

struct Problem {
  std::string name;
  Vector2d prior_std;
  double value;
  double noise;
  double (*qoi)(const Vector2d& p);
};

double bend(const Vector2d& p) {
  return p[1] - p[0] * p[0];
}

double radius(const Vector2d& p) {
  return p.norm();
}

struct Moments {
  VectorXd mean, std;
};

/// By the rectangle rule on a square that holds all of it.
Moments exact_moments(const Problem& problem) {
  constexpr double step = 0.01;
  const double reach = 7.0 * problem.prior_std.maxCoeff();
  double mass = 0.0;
  Vector2d sum = Vector2d::Zero();
  Vector2d squares = Vector2d::Zero();
  const VectorXd axis =
      VectorXd::LinSpaced(static_cast<Index>(2.0 * reach / step) + 1, -reach, reach);
  for (const double x : axis) {
    for (const double y : axis) {
      const Vector2d p(x, y);
      const double residual = (problem.qoi(p) - problem.value) / problem.noise;
      const double weight = std::exp(-0.5 * residual * residual -
                                     0.5 * p.cwiseQuotient(problem.prior_std).squaredNorm());
      mass += weight;
      sum += weight * p;
      squares += weight * p.cwiseAbs2();
    }
  }
  const Vector2d mean = sum / mass;
  return {.mean = mean, .std = (squares / mass - mean.cwiseAbs2()).cwiseSqrt()};
}

struct Error {
  double mean, std;
};

Error error_of(const Moments& exact, const VectorXd& mean, const VectorXd& std) {
  return {.mean = (mean - exact.mean).cwiseQuotient(exact.std).cwiseAbs().maxCoeff(),
          .std = (std.cwiseQuotient(exact.std).array() - 1.0).abs().maxCoeff()};
}

method::Posterior solve(const Problem& problem, const regression::RegressionViOptions& options) {
  const space::Space space{.names = {"x", "y"},
                           .units = {"", ""},
                           .prior = space::Prior::diagonal(VectorXd::Zero(2), problem.prior_std),
                           .bounds = space::Bounds::none(2)};
  const space::Observations observations{
      .values = VectorXd::Constant(1, problem.value),
      .noise = space::Noise::independent(VectorXd::Constant(1, problem.noise * problem.noise))};
  regression::RegressionVi method(space, observations, options);
  while (method.stop_reason() == method::StopReason::none) {
    const method::Batch batch = method.ask();
    method::BatchResult result;
    for (Index i = 0; i < batch.points.cols(); ++i) {
      method::Evaluation evaluation;
      evaluation.qois = VectorXd::Constant(1, problem.qoi(batch.points.col(i)));
      result.evaluations.push_back(std::move(evaluation));
    }
    method.tell(result);
  }
  return *method.posterior();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

void measure(const Problem& problem, regression::RegressionViOptions options, int num_seeds) {
  const Moments exact = exact_moments(problem);
  std::vector<double> runs, k_hats, sizes, means, stds, corrected_means, corrected_stds;
  int num_closer = 0;
  std::string finding;
  for (int seed = 1; seed <= num_seeds; ++seed) {
    options.random_seed = static_cast<std::uint64_t>(seed);
    const method::Posterior posterior = solve(problem, options);
    const method::State& diagnostics = posterior.diagnostics;
    const Error plain = error_of(exact, posterior.mean, posterior.std);
    const Error corrected = error_of(exact, diagnostics.get<VectorXd>("corrected_mean"),
                                     diagnostics.get<VectorXd>("corrected_std"));
    runs.push_back(static_cast<double>(posterior.samples.cols()));
    k_hats.push_back(diagnostics.get<double>("k_hat"));
    sizes.push_back(diagnostics.get<double>("ess"));
    means.push_back(plain.mean);
    stds.push_back(plain.std);
    corrected_means.push_back(corrected.mean);
    corrected_stds.push_back(corrected.std);
    num_closer += corrected.mean < plain.mean && corrected.std < plain.std ? 1 : 0;
    finding = posterior.findings[1];
  }
  fmt::print(
      "{:<8} {:5.0f} runs; errors of mean, std: Gaussian {:.2f}, {:.2f}; corrected {:.2f}, {:.2f}, "
      "closer in {} of {}; Pareto k {:.2f}, effective runs {:.0f}\n         {}\n",
      problem.name, median(runs), median(means), median(stds), median(corrected_means),
      median(corrected_stds), num_closer, num_seeds, median(k_hats), median(sizes), finding);
}

}  // namespace

int main(int argc, char** argv) {
  int num_seeds = 20;
  regression::RegressionViOptions options;
  CLI::App app("What regression_vi says of posteriors that are no Gaussians");
  app.add_option("--seeds", num_seeds);
  app.add_option("--runs", options.max_evaluations);
  app.add_option("--accuracy", options.accuracy);
  CLI11_PARSE(app, argc, argv);
  for (const Problem& problem :
       {Problem{.name = "banana", .prior_std = {1.0, 3.0}, .value = 0.0, .noise = 0.3, .qoi = bend},
        Problem{
            .name = "twisted", .prior_std = {2.0, 3.0}, .value = 0.0, .noise = 0.5, .qoi = bend},
        Problem{
            .name = "donut", .prior_std = {1.0, 1.0}, .value = 1.0, .noise = 0.1, .qoi = radius}}) {
    measure(problem, options, num_seeds);
  }
  return 0;
}
