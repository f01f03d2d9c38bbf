// How many runs of the model regression_vi needs: the distance of its answer from a reference, over
// seeds, from the prior.
//
//   regression_runs lynx_hare FOLDER   KL to the best Gaussian, from FOLDER's lynx_hare.csv and
//                                      reference.json (jobs/lynx-hare)
//   regression_runs poisson64 FOLDER   that and the ELBO, of 4,096 runs of their own, from FOLDER's
//                                      z_hat.txt, gaussian_vi_full_cov.txt and reference.json
//                                      (jobs/poisson64)
//
// Options: --seeds, --runs, --accuracy (0: never stop), --jacobians, --every-round.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <mpi.h>

#include <CLI/CLI.hpp>
#include <Eigen/Dense>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "invar/core/sobol.hpp"
#include "invar/model_petsc/lotka_volterra.hpp"
#include "invar/model_petsc/poisson.hpp"
#include "invar/petsc/session.hpp"
#include "invar/regression/regression_vi.hpp"

namespace {

using namespace invar;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using nlohmann::json;
using regression::Gaussian;

struct Problem {
  space::Space space;
  space::Observations observations;
  std::unique_ptr<model::Model> model;
  Gaussian reference;
};

json read_json(const std::string& path) {
  std::ifstream file(path);
  return json::parse(file);
}

VectorXd vector_of(const json& values) {
  const auto numbers = values.get<std::vector<double>>();
  return Eigen::Map<const VectorXd>(numbers.data(), static_cast<Index>(numbers.size()));
}

std::vector<double> numbers_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<double> numbers;
  for (double value = 0.0; file >> value;) {
    numbers.push_back(value);
  }
  return numbers;
}

space::Space make_space(const VectorXd& mean, const VectorXd& std) {
  space::Space space{.names = {},
                     .units = {},
                     .prior = space::Prior::diagonal(mean, std),
                     .bounds = space::Bounds::none(mean.size())};
  space.names.resize(static_cast<std::size_t>(mean.size()));
  space.units.resize(static_cast<std::size_t>(mean.size()));
  return space;
}

Problem lynx_hare(const std::string& folder) {
  std::ifstream file(folder + "/lynx_hare.csv");
  std::string line;
  std::getline(file, line);
  std::vector<double> logs;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string year;
    std::string hare;
    std::string lynx;
    std::getline(fields, year, ',');
    std::getline(fields, hare, ',');
    std::getline(fields, lynx, ',');
    logs.push_back(std::log(std::stod(hare)));
    logs.push_back(std::log(std::stod(lynx)));
  }
  const VectorXd values = Eigen::Map<VectorXd>(logs.data(), static_cast<Index>(logs.size()));
  const json reference = read_json(folder + "/reference.json")["six_parameters_fixed_noise"];
  const json& best = reference["gaussian_vi_full"];
  const VectorXd std = vector_of(best["sd"]);
  MatrixXd covariance(6, 6);
  for (Index i = 0; i < 6; ++i) {
    for (Index j = 0; j < 6; ++j) {
      covariance(i, j) =
          best["corr"][static_cast<std::size_t>(i)][static_cast<std::size_t>(j)].get<double>() *
          std[i] * std[j];
    }
  }
  model_petsc::LotkaVolterraOptions options;
  options.times = VectorXd::LinSpaced(21, 0.0, 20.0);
  return {.space = make_space(vector_of(reference["prior_mean"]), vector_of(reference["prior_sd"])),
          .observations = {.values = values,
                           .noise = space::Noise::independent(VectorXd::Constant(42, 0.0625))},
          .model = model_petsc::make_lotka_volterra_model(options, MPI_COMM_SELF),
          .reference = {.mean = vector_of(best["mean"]), .lower = covariance.llt().matrixL()}};
}

Problem poisson64(const std::string& folder) {
  const std::vector<double> z = numbers_of(folder + "/z_hat.txt");
  const std::vector<double> c = numbers_of(folder + "/gaussian_vi_full_cov.txt");
  const json best = read_json(folder + "/reference.json")["gaussian_vi"]["full"];
  const MatrixXd covariance = Eigen::Map<const MatrixXd>(c.data(), 64, 64);
  return {.space = make_space(VectorXd::Constant(64, 4.0), VectorXd::Constant(64, 2.0)),
          .observations = {.values = Eigen::Map<const VectorXd>(z.data(), 169),
                           .noise = space::Noise::independent(VectorXd::Constant(169, 0.0025))},
          .model = model_petsc::make_poisson_model({}, MPI_COMM_SELF),
          .reference = {.mean = vector_of(best["mean"]), .lower = covariance.llt().matrixL()}};
}

method::BatchResult evaluate(model::Model& model, const method::Batch& batch) {
  method::BatchResult result;
  for (Index i = 0; i < batch.points.cols(); ++i) {
    model::ModelRequest request(VectorXd(batch.points.col(i)));
    request.wants_jacobian = batch.wanted_of(i).jacobian;
    model::ModelResult answer = model.evaluate(request);
    method::Evaluation evaluation;
    evaluation.status = answer.status;
    evaluation.qois = std::move(answer.qois);
    evaluation.derivatives.jacobian = std::move(answer.jacobian);
    result.evaluations.push_back(std::move(evaluation));
  }
  return result;
}

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

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
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
  double runs_to_001 = HUGE_VAL;  // until the KL was 0.01
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
                                  settings.uses_jacobians
                                      ? regression::DerivativeSource::jacobian
                                      : regression::DerivativeSource::none);
  Outcome outcome;
  while (method.stop_reason() == method::StopReason::none) {
    method.tell(evaluate(*problem.model, method.ask()));
    if (method.has_best()) {
      outcome.distance = kl_divergence(method.best(), problem.reference);
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
  Problem problem =
      settings.problem == "poisson64" ? poisson64(settings.folder) : lynx_hare(settings.folder);
  std::vector<double> distances;
  std::vector<double> first;
  std::vector<double> counts;
  for (int seed = 1; seed <= settings.num_seeds; ++seed) {
    const Outcome outcome = solve(problem, settings, seed);
    distances.push_back(outcome.distance);
    first.push_back(outcome.runs_to_001);
    counts.push_back(outcome.num_runs);
  }
  const auto num_right = std::count_if(distances.begin(), distances.end(),
                                       [](double distance) { return distance <= 0.03; });
  fmt::print(
      "median KL {:.4g}; {} of {} within 0.03; 0.01 reached at a median of {} runs; median "
      "of {} runs\n",
      median(distances), num_right, settings.num_seeds, median(first), median(counts));
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("How many runs regression_vi needs");
  app.add_option("problem", settings.problem)
      ->required()
      ->check(CLI::IsMember({"lynx_hare", "poisson64"}));
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
