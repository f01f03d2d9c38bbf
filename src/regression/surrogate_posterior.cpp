#include "invar/regression/surrogate_posterior.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <Eigen/Dense>

#include "invar/core/random.hpp"
#include "invar/regression/importance.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int num_rounds = 4;
constexpr Index most_draws = 4000;  // of a round
constexpr Index least_draws = 500;
/// Products that a round may take.
constexpr double most_products = 1e9;
/// The Gaussians are wider than what they have learnt, in variance.
constexpr double widening = 1.3;

Gaussian learnt(const MatrixXd& x, const VectorXd& weights, const Gaussian& base) {
  const VectorXd mean = x * weights;
  const MatrixXd covariance =
      widening * weighted_covariance(x, weights, mean) + 0.01 * base.covariance();
  return {.mean = mean, .lower = covariance.llt().matrixL()};
}

}  // namespace

bool SurrogatePosterior::may_draw(const Runs& runs) {
  const auto d = static_cast<double>(runs.x().rows());
  return d * d * static_cast<double>(runs.proposals().size()) * static_cast<double>(least_draws) <=
         most_products;
}

SurrogatePosterior::SurrogatePosterior(Surrogate fitted, Gaussian base,
                                       const PriorExpectation& prior, const Runs& runs)
    : fitted_(std::move(fitted)), base_(std::move(base)), prior_(prior), runs_(runs) {
  const VectorXd log_weights =
      runs.log_likelihoods() + prior.log_density(runs.x()) - runs.log_mixture();
  const double largest = log_weights.maxCoeff();
  log_limit_ = largest + std::log((log_weights.array() - largest).exp().sum());
}

VectorXd SurrogatePosterior::fitted_log_density(const MatrixXd& x) const {
  const MatrixXd z = base_.standardize(x);
  VectorXd density =
      prior_.log_density(x) - 0.5 * fitted_.residuals.values(z).colwise().squaredNorm().transpose();
  if (fitted_.correction) {
    density += fitted_.correction->values(z).row(0).transpose();
  }
  return density;
}

VectorXd SurrogatePosterior::log_density(const MatrixXd& x) const {
  return fitted_log_density(x).array().min(runs_.log_mixture(x).array() + log_limit_);
}

VectorXd SurrogatePosterior::weights_of_runs() const {
  VectorXd density = fitted_log_density(runs_.x());
  const VectorXd exact = runs_.log_likelihoods() + prior_.log_density(runs_.x());
  density(fitted_.runs) = exact(fitted_.runs) - fitted_.left_out;
  const VectorXd log_weights = (density - runs_.log_mixture()).cwiseMin(log_limit_);
  const VectorXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
  return weights / weights.sum();
}

SurrogatePosterior::Draws SurrogatePosterior::draws(std::uint64_t seed) const {
  const Index d = base_.dimension();
  const auto squares = static_cast<double>(d * d);
  const double products = squares * static_cast<double>(runs_.proposals().size()) +
                          static_cast<double>(fitted_.residuals.num_functions()) *
                              (fitted_.residuals.is_linear() ? static_cast<double>(d) : squares);
  const Index size = std::min(static_cast<Index>(most_products / products), most_draws);
  Draws draws{.x = MatrixXd(d, 0), .weights = {}};
  if (size < least_draws) {
    return draws;
  }
  Runs points(d, 0);
  VectorXd densities;
  for (std::uint32_t round = 0; round < num_rounds; ++round) {
    const Gaussian from = round == 0 ? base_ : learnt(draws.x, draws.weights, base_);
    const core::StreamKey key{
        .seed = seed, .purpose = core::Purpose::posterior_draws, .iteration = 2, .block = round};
    const MatrixXd x = from.points(core::standard_normals(key, d, size));
    points.add(from, static_cast<double>(size), x, MatrixXd(0, size), {});
    densities.conservativeResize(points.size());
    densities.tail(size) = log_density(x);
    draws = {.x = points.x(),
             .weights = smoothed_weights(densities - points.log_mixture()).weights};
  }
  return draws;
}

CorrectedMoments corrected_moments(const MatrixXd& runs, const VectorXd& weights,
                                   const VectorXd& surrogate_weights, const MatrixXd& draws,
                                   const VectorXd& draw_weights) {
  const Index d = runs.rows();
  const VectorXd by_runs = runs * weights;
  const VectorXd scales = ((runs.colwise() - by_runs).cwiseAbs2() * weights)
                              .cwiseMax(1e-300)
                              .cwiseSqrt()
                              .cwiseInverse();
  // What every point adds to the error of a mean: of the parameters and of half their squares, in
  // units of their spread.
  const auto parts = [&](const MatrixXd& points, const VectorXd& of) -> MatrixXd {
    MatrixXd functions(2 * d, points.cols());
    functions.topRows(d) = scales.asDiagonal() * (points.colwise() - by_runs);
    functions.bottomRows(d) = 0.5 * functions.topRows(d).cwiseAbs2();
    const VectorXd mean = functions * of;
    return (functions.colwise() - mean) * of.asDiagonal();
  };
  const MatrixXd exact = parts(runs, weights);
  if (draws.cols() == 0) {
    return {.mean = by_runs,
            .covariance = weighted_covariance(runs, weights, by_runs),
            .error = exact.rowwise().norm().maxCoeff()};
  }
  const VectorXd by_draws = draws * draw_weights;
  const MatrixXd fitted = parts(runs, surrogate_weights);
  const MatrixXd drawn = parts(draws, draw_weights);
  const double squares = fitted.squaredNorm() + drawn.squaredNorm();
  CorrectedMoments corrected;
  corrected.share =
      squares > 0.0 ? std::clamp(exact.cwiseProduct(fitted).sum() / squares, 0.0, 1.0) : 0.0;
  corrected.error = ((exact - corrected.share * fitted).rowwise().squaredNorm() +
                     std::pow(corrected.share, 2) * drawn.rowwise().squaredNorm())
                        .cwiseSqrt()
                        .maxCoeff();
  corrected.mean = by_runs + corrected.share * (by_draws - runs * surrogate_weights);
  const auto covariance = [&](const MatrixXd& points, const VectorXd& of) {
    return weighted_covariance(points, of, corrected.mean);
  };
  const MatrixXd of_runs = covariance(runs, weights);
  const MatrixXd of_draws = covariance(draws, draw_weights);
  corrected.covariance =
      of_runs + corrected.share * (of_draws - covariance(runs, surrogate_weights));
  if (corrected.covariance.llt().info() != Eigen::Success) {
    corrected.covariance = corrected.share < 0.5 ? of_runs : of_draws;
  }
  return corrected;
}

}  // namespace invar::regression
