#pragma once

// Problems with a Gaussian that answers are compared with, for programs that count runs.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <mpi.h>

#include <Eigen/Dense>
#include <nlohmann/json.hpp>

#include "invar/method/method.hpp"
#include "invar/model/model.hpp"
#include "invar/model_petsc/linear.hpp"
#include "invar/model_petsc/lotka_volterra.hpp"
#include "invar/model_petsc/poisson.hpp"
#include "invar/regression/gaussian.hpp"
#include "invar/space/observations.hpp"
#include "invar/space/space.hpp"

namespace invar::bench {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using nlohmann::json;
using regression::Gaussian;

/// What is to be found, and the best Gaussian or the posterior.
struct Problem {
  space::Space space;
  space::Observations observations;
  std::unique_ptr<model::Model> model;
  Gaussian reference;
};

inline json read_json(const std::string& path) {
  std::ifstream file(path);
  return json::parse(file);
}

inline VectorXd vector_of(const json& values) {
  const auto numbers = values.get<std::vector<double>>();
  return Eigen::Map<const VectorXd>(numbers.data(), static_cast<Index>(numbers.size()));
}

inline std::vector<double> numbers_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<double> numbers;
  for (double value = 0.0; file >> value;) {
    numbers.push_back(value);
  }
  return numbers;
}

inline space::Space make_space(const VectorXd& mean, const VectorXd& std) {
  space::Space space{.names = {},
                     .units = {},
                     .prior = space::Prior::diagonal(mean, std),
                     .bounds = space::Bounds::none(mean.size())};
  space.names.resize(static_cast<std::size_t>(mean.size()));
  space.units.resize(static_cast<std::size_t>(mean.size()));
  return space;
}

inline Problem lynx_hare(const std::string& folder) {
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

inline Problem poisson64(const std::string& folder) {
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

/// A linear problem of the recordings of `run_vi` (tests/data/run_vi_trajectories.json); the
/// reference is its posterior.
inline Problem linear(const std::string& folder, const std::string& name) {
  const json problem = read_json(folder + "/run_vi_trajectories.json")["problems"][name];
  const auto matrix_of = [](const json& rows) {
    MatrixXd matrix(static_cast<Index>(rows.size()), static_cast<Index>(rows[0].size()));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      matrix.row(static_cast<Index>(i)) = vector_of(rows[i]).transpose();
    }
    return matrix;
  };
  const MatrixXd matrix = matrix_of(problem["model"]["matrix"]);
  const VectorXd offset = vector_of(problem["model"]["offset"]);
  const VectorXd values = vector_of(problem["observations"]);
  const VectorXd noise = matrix_of(problem["observations_covariance"]).diagonal();
  const VectorXd prior_mean = vector_of(problem["prior"]["mean"]);
  const VectorXd prior_variance = matrix_of(problem["prior"]["covariance"]).diagonal();
  const VectorXd weights = noise.cwiseInverse();
  const VectorXd prior_weights = prior_variance.cwiseInverse();
  MatrixXd precision = matrix.transpose() * weights.asDiagonal() * matrix;
  precision.diagonal() += prior_weights;
  const MatrixXd covariance = precision.inverse();
  return {
      .space = make_space(prior_mean, prior_variance.cwiseSqrt()),
      .observations = {.values = values, .noise = space::Noise::independent(noise)},
      .model = model_petsc::make_linear_model({.matrix = matrix, .offset = offset}, MPI_COMM_SELF),
      .reference = {
          .mean = covariance * (matrix.transpose() * weights.cwiseProduct(values - offset) +
                                prior_weights.cwiseProduct(prior_mean)),
          .lower = covariance.llt().matrixL()}};
}

/// lynx_hare, poisson64, or a linear one by its name there.
inline Problem problem_called(const std::string& name, const std::string& folder) {
  if (name == "lynx_hare") {
    return lynx_hare(folder);
  }
  return name == "poisson64" ? poisson64(folder) : linear(folder, name);
}

inline method::BatchResult evaluate(model::Model& model, const method::Batch& batch) {
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

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

}  // namespace invar::bench
