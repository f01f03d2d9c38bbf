// How many runs of the model regression_vi needs: the distance of its answer from a reference, over
// seeds, from the prior.
//
//   regression_runs lynx_hare FOLDER   KL to the best Gaussian, from FOLDER's lynx_hare.csv and
//                                      reference.json (jobs/lynx-hare)
//   regression_runs poisson64 FOLDER   that and the ELBO, of 4,096 runs of their own, from FOLDER's
//                                      z_hat.txt, gaussian_vi_full_cov.txt and reference.json
//                                      (jobs/poisson64)
//   regression_runs sine7 FOLDER       KL to the posterior; also linear2_diag: linear problems of
//                                      FOLDER's run_vi_trajectories.json (tests/data)
//
// Options: --seeds, --runs, --accuracy (0: never stop), --jacobians, --every-round.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <mpi.h>

#include <CLI/CLI.hpp>
#include <Eigen/Dense>
#include <fmt/format.h>

#include "bench/problems.hpp"
#include "invar/core/sobol.hpp"
#include "invar/petsc/session.hpp"
#include "invar/regression/regression_vi.hpp"

namespace {

using namespace invar;
using namespace invar::bench;

/// The ELBO by runs of its own.
double elbo(Problem& problem, const Gaussian& q, Index num_runs) {
  const Index d = q.dimension();
  MatrixXd z = core::scrambled_sobol({.seed = 99, .purpose = core::Purpose::test}, d, num_runs);
  core::normal_quantile_in_place(z);
  const MatrixXd x = q.points(z);
  const space::Likelihood likelihood(problem.observations, 0.0);
  double sum = 0.0;
  for (Index i = 0; i < num_runs; ++i) {
    sum += likelihood.log_likelihood(problem.model->evaluate(VectorXd(x.col(i))).qois)[0];
  }
  return sum / static_cast<double>(num_runs) + likelihood.log_normalisation() +
         problem.space.prior.log_density(x).mean() + q.entropy();
}

struct Settings {
  std::string problem;
  std::string folder;
  int num_seeds = 20;
  bool uses_jacobians = false;
  bool shows_rounds = false;
  regression::RegressionViOptions options = {.accuracy = 0.0, .max_evaluations = 512};
};

/// What one seed came to.
struct Outcome {
  double distance = HUGE_VAL;
  double runs_to_01 = HUGE_VAL;   // until the KL was 0.1
  double runs_to_001 = HUGE_VAL;  // and 0.01
  double num_runs = 0;
};

void show_round(Problem& problem, const Settings& settings, const regression::RegressionVi& method,
                double distance) {
  fmt::print("{:5} KL {:10.4g}", method.num_evaluations(), distance);
  for (const auto& [key, value] : method.diagnostics().scalars) {
    fmt::print(" {}={:.4g}", key, value);
  }
  if (settings.problem == "poisson64" && method.has_best()) {
    fmt::print(" ELBO {:.2f}", elbo(problem, method.best(), 256));
  }
  fmt::print("\n");
  std::fflush(stdout);
}

Outcome solve(Problem& problem, const Settings& settings, int seed) {
  regression::RegressionViOptions options = settings.options;
  options.random_seed = static_cast<std::uint64_t>(seed);
  regression::RegressionVi method(problem.space, problem.observations, options, std::nullopt,
                                  settings.uses_jacobians ? regression::DerivativeSource::jacobian
                                                          : regression::DerivativeSource::none);
  Outcome outcome;
  while (method.stop_reason() == method::StopReason::none) {
    method.tell(evaluate(*problem.model, method.ask()));
    if (method.has_best()) {
      outcome.distance = kl_divergence(method.best(), problem.reference);
      if (outcome.distance <= 0.1 && outcome.runs_to_01 == HUGE_VAL) {
        outcome.runs_to_01 = static_cast<double>(method.num_evaluations());
      }
      if (outcome.distance <= 0.01 && outcome.runs_to_001 == HUGE_VAL) {
        outcome.runs_to_001 = static_cast<double>(method.num_evaluations());
      }
    }
    if (settings.shows_rounds) {
      show_round(problem, settings, method, outcome.distance);
    }
  }
  outcome.num_runs = static_cast<double>(method.num_evaluations());
  fmt::print("seed {}: {} runs, KL {:.4g}, 0.01 reached after {} runs, {}", seed, outcome.num_runs,
             outcome.distance, outcome.runs_to_001, method::stop_reason_name(method.stop_reason()));
  if (settings.problem == "poisson64") {
    fmt::print(", ELBO {:.3f}", elbo(problem, method.best(), 4096));
  }
  fmt::print("\n");
  std::fflush(stdout);
  return outcome;
}

void measure(const Settings& settings) {
  Problem problem = problem_called(settings.problem, settings.folder);
  std::vector<double> distances;
  std::vector<double> first;
  std::vector<double> coarse;
  std::vector<double> counts;
  for (int seed = 1; seed <= settings.num_seeds; ++seed) {
    const Outcome outcome = solve(problem, settings, seed);
    distances.push_back(outcome.distance);
    first.push_back(outcome.runs_to_001);
    coarse.push_back(outcome.runs_to_01);
    counts.push_back(outcome.num_runs);
  }
  const auto num_right = std::count_if(distances.begin(), distances.end(),
                                       [](double distance) { return distance <= 0.03; });
  fmt::print(
      "median KL {:.4g}; {} of {} within 0.03; 0.1 and 0.01 reached at medians of {} and {} runs; "
      "median of {} runs\n",
      median(distances), num_right, settings.num_seeds, median(coarse), median(first),
      median(counts));
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("How many runs regression_vi needs");
  app.add_option("problem", settings.problem)
      ->required()
      ->check(CLI::IsMember({"lynx_hare", "poisson64", "sine7", "linear2_diag"}));
  app.add_option("folder", settings.folder)->required()->check(CLI::ExistingDirectory);
  app.add_option("--seeds", settings.num_seeds);
  app.add_option("--runs", settings.options.max_evaluations);
  app.add_option("--accuracy", settings.options.accuracy);
  app.add_option("--sample-size", settings.options.sample_size);
  app.add_option("--first-sample-size", settings.options.first_sample_size);
  app.add_option("--starts", settings.options.starts);
  app.add_option("--trust-radius", settings.options.trust_radius);
  app.add_flag("--jacobians", settings.uses_jacobians);
  app.add_flag("--every-round", settings.shows_rounds);
  CLI11_PARSE(app, argc, argv);
  MPI_Init(&argc, &argv);
  {
    petsc::PetscSession petsc(MPI_COMM_SELF);
    measure(settings);
    petsc.close();
  }
  MPI_Finalize();
  return 0;
}
