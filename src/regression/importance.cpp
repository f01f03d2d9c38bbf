#include "invar/regression/importance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "invar/core/error.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

struct Pareto {
  double shape;
  double scale;
};

/// The posterior mean of Zhang & Stephens for exceedances in ascending order, their shape drawn
/// towards 0.5 as by 10 further observations.
Pareto fit_pareto(const std::vector<double>& exceedances) {
  const auto n = static_cast<double>(exceedances.size());
  const int num_trials = 30 + static_cast<int>(std::sqrt(n));
  const double quartile = exceedances[(exceedances.size() + 2) / 4 - 1];
  std::vector<double> trials;
  std::vector<double> log_likelihoods;
  const auto shape_of = [&](double theta) {
    double sum = 0.0;
    for (const double value : exceedances) {
      sum += std::log1p(-theta * value);
    }
    return sum / n;
  };
  for (int j = 1; j <= num_trials; ++j) {
    const double theta =
        1.0 / exceedances.back() +
        (1.0 - std::sqrt(static_cast<double>(num_trials) / (static_cast<double>(j) - 0.5))) /
            (3.0 * quartile);
    const double shape = shape_of(theta);
    trials.push_back(theta);
    log_likelihoods.push_back(n * (std::log(-theta / shape) - shape - 1.0));
  }
  const double largest = *std::max_element(log_likelihoods.begin(), log_likelihoods.end());
  double total = 0.0;
  double theta = 0.0;
  for (std::size_t j = 0; j < trials.size(); ++j) {
    const double weight = std::exp(log_likelihoods[j] - largest);
    total += weight;
    theta += weight * trials[j];
  }
  theta /= total;
  const double shape = shape_of(theta);
  return {.shape = (n * shape + 5.0) / (n + 10.0), .scale = -shape / theta};
}

/// The smoothed tail, in the order of `order`; the shape that was found.
double smooth_tail(std::vector<double>& weights, const std::vector<std::size_t>& order,
                   std::size_t num_in_tail) {
  const std::size_t n = weights.size();
  const double threshold = weights[order[n - num_in_tail - 1]];
  std::vector<double> exceedances;
  exceedances.reserve(num_in_tail);
  for (std::size_t i = n - num_in_tail; i < n; ++i) {
    exceedances.push_back(weights[order[i]] - threshold);
  }
  const double quartile = exceedances[(num_in_tail + 2) / 4 - 1];
  if (!(quartile > 1e-12 * weights[order[n - 1]])) {
    return -std::numeric_limits<double>::infinity();  // all alike: no tail
  }
  const Pareto pareto = fit_pareto(exceedances);
  for (std::size_t i = 0; i < num_in_tail; ++i) {
    const double p = (static_cast<double>(i) + 0.5) / static_cast<double>(num_in_tail);
    const double quantile =
        std::abs(pareto.shape) < 1e-12
            ? -pareto.scale * std::log1p(-p)
            : pareto.scale * std::expm1(-pareto.shape * std::log1p(-p)) / pareto.shape;
    // Weights are relative to the largest, which is the most that one may have.
    weights[order[n - num_in_tail + i]] = std::min(threshold + quantile, 1.0);
  }
  return pareto.shape;
}

}  // namespace

SmoothedWeights smoothed_weights(const VectorXd& log_weights) {
  INVAR_EXPECTS(log_weights.size() > 0);
  constexpr Index least = 25;
  const auto n = static_cast<std::size_t>(log_weights.size());
  const double largest = log_weights.maxCoeff();
  std::vector<double> weights(n);
  for (std::size_t i = 0; i < n; ++i) {
    weights[i] = std::exp(log_weights[static_cast<Index>(i)] - largest);
  }
  SmoothedWeights smoothed;
  smoothed.k_hat = std::numeric_limits<double>::quiet_NaN();
  if (log_weights.size() >= least) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return weights[a] < weights[b]; });
    const auto size = static_cast<double>(n);
    const auto num_in_tail =
        static_cast<std::size_t>(std::ceil(std::min(0.2 * size, 3.0 * std::sqrt(size))));
    smoothed.k_hat = smooth_tail(weights, order, num_in_tail);
  }
  smoothed.weights = Eigen::Map<VectorXd>(weights.data(), static_cast<Index>(n));
  smoothed.weights /= smoothed.weights.sum();
  smoothed.effective_sample_size = 1.0 / smoothed.weights.squaredNorm();
  return smoothed;
}

Eigen::MatrixXd weighted_covariance(const Eigen::MatrixXd& points, const VectorXd& weights,
                                    const VectorXd& middle) {
  const Eigen::MatrixXd centred = points.colwise() - middle;
  return centred * weights.asDiagonal() * centred.transpose();
}

}  // namespace invar::regression
