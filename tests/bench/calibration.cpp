// Is the answer of regression_vi as sure as it may be? Simulation-based calibration on models of 4
// parameters from N(0, 0.3^2) and 20 data at t = 0.2, 0.4, ..., 4:
//
//   oscillation   exp(a - exp(b) t / 2) cos((2 + w) t + c), noise 0.1: mildly nonlinear
//   decay         exp(a - exp(b) t) + c + w t, noise 0.05: the posterior is bent, and the standard
//                 deviations of the best Gaussian are a quarter too small
//
// Truths are drawn from the prior, data from the model; every data set is solved with the default
// settings, from the prior. Printed are
//
// - the ranks of the truth among 99 draws of the Gaussian, a chi-square test per parameter on 20
//   bins (Talts, Betancourt, Simpson, Vehtari, Gelman 2018, arXiv:1804.06788), and the same for
//   draws of the best Gaussian;
// - how often `accuracy` was met: the largest error of a mean, in standard deviations, and the
//   largest relative error of a standard deviation, against the best Gaussian, which is found by
//   Gauss-Hermite quadrature of the ELBO's gradient.
//
// Options: --model, --sets, --accuracy, --jacobians, --noise, --nodes (of the quadrature, per
// parameter),
// --every-set.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <Eigen/Dense>
#include <boost/math/distributions/chi_squared.hpp>
#include <fmt/format.h>

#include "invar/core/random.hpp"
#include "invar/regression/regression_vi.hpp"

namespace {

using namespace invar;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using regression::Gaussian;

constexpr Index num_parameters = 4;
constexpr Index num_qois = 20;
constexpr double prior_std = 0.3;
constexpr Index num_draws = 99;  // ranks from 0 to this
constexpr Index num_bins = 20;

struct Settings {
  int num_sets = 200;
  bool uses_jacobians = false;
  std::string model = "oscillation";
  std::optional<double> noise = {};
  Index num_nodes = 11;
  bool shows_sets = false;
  regression::RegressionViOptions options = {};
};

VectorXd times() {
  return VectorXd::LinSpaced(num_qois, 0.2, 4.0);
}

/// A model, with its derivatives.
struct Model {
  std::string name;
  double noise;
  VectorXd (*qois)(const VectorXd& p);
  MatrixXd (*jacobian)(const VectorXd& p);
};

const Model oscillation{.name = "oscillation",
                        .noise = 0.1,
                        .qois = [](const VectorXd& p) -> VectorXd {
                          const Eigen::ArrayXd t = times();
                          return (p[0] - 0.5 * std::exp(p[1]) * t).exp() *
                                 ((2.0 + p[3]) * t + p[2]).cos();
                        },
                        .jacobian = [](const VectorXd& p) -> MatrixXd {
                          const Eigen::ArrayXd t = times();
                          const Eigen::ArrayXd size = (p[0] - 0.5 * std::exp(p[1]) * t).exp();
                          const Eigen::ArrayXd phase = (2.0 + p[3]) * t + p[2];
                          MatrixXd jacobian(num_qois, num_parameters);
                          jacobian.col(0) = size * phase.cos();
                          jacobian.col(1) = -0.5 * std::exp(p[1]) * t * size * phase.cos();
                          jacobian.col(2) = -size * phase.sin();
                          jacobian.col(3) = -t * size * phase.sin();
                          return jacobian;
                        }};

const Model decay{.name = "decay",
                  .noise = 0.05,
                  .qois = [](const VectorXd& p) -> VectorXd {
                    const Eigen::ArrayXd t = times();
                    return (p[0] - std::exp(p[1]) * t).exp() + p[2] + p[3] * t;
                  },
                  .jacobian = [](const VectorXd& p) -> MatrixXd {
                    const Eigen::ArrayXd t = times();
                    MatrixXd jacobian(num_qois, num_parameters);
                    jacobian.col(0) = (p[0] - std::exp(p[1]) * t).exp();
                    jacobian.col(1) = -std::exp(p[1]) * t * jacobian.col(0).array();
                    jacobian.col(2).setOnes();
                    jacobian.col(3) = t;
                    return jacobian;
                  }};

method::BatchResult evaluate(const Model& model, const method::Batch& batch) {
  method::BatchResult result;
  for (Index i = 0; i < batch.points.cols(); ++i) {
    method::Evaluation evaluation;
    evaluation.qois = model.qois(batch.points.col(i));
    if (batch.wanted_of(i).jacobian) {
      evaluation.derivatives.jacobian = model.jacobian(batch.points.col(i));
    }
    result.evaluations.push_back(std::move(evaluation));
  }
  return result;
}

/// Nodes d x n and weights for means under N(0, I): Golub & Welsch 1969.
struct Rule {
  MatrixXd nodes;
  VectorXd weights;
};

Rule gauss_hermite(Index number) {
  const VectorXd beside = VectorXd::LinSpaced(number - 1, 1.0, static_cast<double>(number - 1));
  Eigen::SelfAdjointEigenSolver<MatrixXd> solver;
  solver.computeFromTridiagonal(VectorXd::Zero(number), beside.cwiseSqrt());
  const VectorXd weights = solver.eigenvectors().row(0).cwiseAbs2().transpose();
  const auto size = static_cast<Index>(std::pow(number, num_parameters));
  Rule rule{.nodes = MatrixXd(num_parameters, size), .weights = VectorXd::Ones(size)};
  for (Index i = 0; i < size; ++i) {
    Index rest = i;
    for (Index j = 0; j < num_parameters; ++j) {
      rule.nodes(j, i) = solver.eigenvalues()[rest % number];
      rule.weights[i] *= weights[rest % number];
      rest /= number;
    }
  }
  return rule;
}

/// A data set.
struct Data {
  const Model& model;
  VectorXd values;
  double noise;
};

double log_posterior(const VectorXd& p, const Data& data) {
  return -0.5 * (data.model.qois(p) - data.values).squaredNorm() / (data.noise * data.noise) -
         0.5 * p.squaredNorm() / (prior_std * prior_std);
}

/// The fixed point of "fit a quadratic to the log density under q, take its Gaussian".
Gaussian best_gaussian(const Data& data, const Rule& rule, Gaussian q) {
  constexpr int most_steps = 200;
  constexpr double step = 0.7;
  for (int i = 0; i < most_steps; ++i) {
    const MatrixXd x = q.points(rule.nodes);
    VectorXd weighted(x.cols());
    for (Index n = 0; n < x.cols(); ++n) {
      weighted[n] = log_posterior(x.col(n), data);
    }
    weighted = rule.weights.cwiseProduct((weighted.array() - weighted.maxCoeff()).matrix());
    const VectorXd gradient = rule.nodes * weighted;
    MatrixXd precision = -rule.nodes * weighted.asDiagonal() * rule.nodes.transpose();
    precision.diagonal().array() += weighted.sum();
    precision = (1.0 - step) * MatrixXd::Identity(num_parameters, num_parameters) +
                step * 0.5 * (precision + precision.transpose());
    const MatrixXd root = regression::factor_of_inverse(precision);
    const Gaussian local{.mean = step * (root * (root.transpose() * gradient)), .lower = root};
    q = regression::placed(q, local);
    if (regression::kl_from_standard(local) < 1e-14) {
      return q;
    }
  }
  fmt::print("the quadrature has not converged\n");
  return q;
}

/// How many of the draws are smaller, per parameter.
VectorXd ranks_in(const MatrixXd& draws, const VectorXd& truth) {
  return (draws.colwise() - truth)
      .unaryExpr([](double x) { return x < 0.0 ? 1.0 : 0.0; })
      .rowwise()
      .sum();
}

/// The chance of ranks that are less uniform.
double uniformity(const std::vector<VectorXd>& ranks, Index parameter) {
  std::array<double, num_bins> counts{};
  for (const VectorXd& rank : ranks) {
    const auto bin = static_cast<Index>(rank[parameter]) * num_bins / (num_draws + 1);
    counts[static_cast<std::size_t>(bin)] += 1.0;
  }
  const double expected = static_cast<double>(ranks.size()) / num_bins;
  double sum = 0.0;
  for (const double count : counts) {
    sum += (count - expected) * (count - expected) / expected;
  }
  return boost::math::cdf(
      boost::math::complement(boost::math::chi_squared_distribution<double>(num_bins - 1), sum));
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

struct Tally {
  std::vector<VectorXd> ranks, best_ranks, scores;
  std::vector<double> mean_errors, std_errors, errors, counts, k_hats, nats_lost;
  int num_stopped = 0;  // by accuracy
  int num_met = 0;      // of those
};

MatrixXd draws_of(const Gaussian& q, int set) {
  return q.points(core::standard_normals(
      {.seed = static_cast<std::uint64_t>(set), .purpose = core::Purpose::test, .block = 1},
      num_parameters, num_draws));
}

void solve(const Settings& settings, int set, const Rule& rule, Tally& tally) {
  const MatrixXd normals = core::standard_normals(
      {.seed = static_cast<std::uint64_t>(set), .purpose = core::Purpose::test},
      num_parameters + num_qois, 1);
  const VectorXd truth = prior_std * normals.topRows(num_parameters);
  const Model& model = settings.model == decay.name ? decay : oscillation;
  const double noise = settings.noise.value_or(model.noise);
  const VectorXd values = model.qois(truth) + noise * VectorXd(normals.bottomRows(num_qois));
  space::Space space{.names = {"a", "b", "c", "w"},
                     .units = {"", "", "", ""},
                     .prior = space::Prior::diagonal(VectorXd::Zero(num_parameters),
                                                     VectorXd::Constant(num_parameters, prior_std)),
                     .bounds = space::Bounds::none(num_parameters)};
  const space::Observations observations{
      .values = values,
      .noise = space::Noise::independent(VectorXd::Constant(num_qois, noise * noise))};
  regression::RegressionViOptions options = settings.options;
  options.random_seed = static_cast<std::uint64_t>(set);
  regression::RegressionVi method(space, observations, options, std::nullopt,
                                  settings.uses_jacobians ? regression::DerivativeSource::jacobian
                                                          : regression::DerivativeSource::none);
  while (method.stop_reason() == method::StopReason::none) {
    method.tell(evaluate(model, method.ask()));
  }
  const Gaussian& q = method.best();
  const Gaussian best = best_gaussian({.model = model, .values = values, .noise = noise}, rule, q);
  const double mean_error = (q.mean - best.mean).cwiseQuotient(best.std()).cwiseAbs().maxCoeff();
  const double std_error = (q.std().cwiseQuotient(best.std()).array() - 1.0).abs().maxCoeff();
  const double error = std::max(mean_error, std_error);
  tally.ranks.push_back(ranks_in(draws_of(q, set), truth));
  tally.best_ranks.push_back(ranks_in(draws_of(best, set), truth));
  tally.scores.emplace_back((truth - q.mean).cwiseQuotient(q.std()));
  tally.mean_errors.push_back(mean_error);
  tally.std_errors.push_back(std_error);
  tally.errors.push_back(error);
  tally.counts.push_back(static_cast<double>(method.num_evaluations()));
  const method::State diagnostics = method.posterior()->diagnostics;
  tally.k_hats.push_back(diagnostics.get<double>("k_hat"));
  tally.nats_lost.push_back(diagnostics.get<double>("nats_lost"));
  if (method.stop_reason() == method::StopReason::accuracy) {
    ++tally.num_stopped;
    tally.num_met += error <= options.accuracy ? 1 : 0;
  }
  if (settings.shows_sets) {
    const auto said = [&](const char* name) { return method.diagnostics().scalar(name); };
    fmt::print(
        "set {:3}: {:4} runs, {}, error of means {:.4f} (said {:.4f}), of std {:.4f} (said "
        "{:.4f})\n",
        set, method.num_evaluations(), method::stop_reason_name(method.stop_reason()), mean_error,
        said("mean_error"), std_error, said("std_error"));
  }
}

void measure(const Settings& settings) {
  const Rule rule = gauss_hermite(settings.num_nodes);
  Tally tally;
  for (int set = 1; set <= settings.num_sets; ++set) {
    solve(settings, set, rule, tally);
  }
  fmt::print("{:<10} {:>22} {:>22} {:>14} {:>12}\n", "parameter", "ranks: chi-square p",
             "of the best Gaussian", "std of scores", "within 90 %");
  const std::array<const char*, num_parameters> names{"a", "b", "c", "w"};
  for (Index j = 0; j < num_parameters; ++j) {
    double squares = 0.0;
    double num_within = 0.0;
    for (const VectorXd& score : tally.scores) {
      squares += score[j] * score[j];
      num_within += std::abs(score[j]) <= 1.6449 ? 1.0 : 0.0;
    }
    const auto count = static_cast<double>(tally.scores.size());
    fmt::print("{:<10} {:>22.3f} {:>22.3f} {:>14.3f} {:>11.1f}%\n",
               names[static_cast<std::size_t>(j)], uniformity(tally.ranks, j),
               uniformity(tally.best_ranks, j), std::sqrt(squares / count),
               100.0 * num_within / count);
  }
  const auto line = [](const char* name, const std::vector<double>& values) {
    fmt::print("{:<20} median {:.4g}, from {:.4g} to {:.4g}, 90 % at most {:.4g}\n", name,
               quantile(values, 0.5), quantile(values, 0.0), quantile(values, 1.0),
               quantile(values, 0.9));
  };
  line("runs", tally.counts);
  line("error of the means", tally.mean_errors);
  line("error of the std", tally.std_errors);
  line("the larger of both", tally.errors);
  line("Pareto k", tally.k_hats);
  line("nats lost", tally.nats_lost);
  fmt::print("accuracy {} was said to be met in {} of {} sets, and truly met in {} of these\n",
             settings.options.accuracy, tally.num_stopped, settings.num_sets, tally.num_met);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Simulation-based calibration of regression_vi");
  app.add_option("--model", settings.model)->check(CLI::IsMember({oscillation.name, decay.name}));
  app.add_option("--sets", settings.num_sets);
  app.add_option("--accuracy", settings.options.accuracy);
  app.add_option("--runs", settings.options.max_evaluations);
  app.add_option("--noise", settings.noise);
  app.add_option("--nodes", settings.num_nodes);
  app.add_flag("--jacobians", settings.uses_jacobians);
  app.add_flag("--every-set", settings.shows_sets);
  CLI11_PARSE(app, argc, argv);
  measure(settings);
  return 0;
}
