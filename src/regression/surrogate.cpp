#include "invar/regression/surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "invar/core/error.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Runs of less weight than this share of the largest have no part in a fit.
constexpr double least_weight = 1e-6;
/// The most runs of a fit: it costs their number cubed.
constexpr Index most_runs = 1500;
/// The most numbers of curvatures, and the most products that one ascent step takes with them.
constexpr double most_curvatures = 2e7;
constexpr double most_products = 4e8;
/// A fit of Jacobians needs so many runs.
constexpr double runs_with_jacobians = 16.0;

/// The largest power in [0, 1] of `factor` that, added to the log weights, keeps their effective
/// sample size at `least`.
double largest_power(const VectorXd& log_weights, const VectorXd& factor, double least) {
  const auto size_at = [&](double power) {
    return effective_sample_size(log_weights + power * factor);
  };
  if (size_at(1.0) >= least) {
    return 1.0;
  }
  double low = 0.0;
  double high = 1.0;
  for (int i = 0; i < 60; ++i) {
    const double middle = low > 0.0 ? std::sqrt(low * high) : high * 1e-3;
    (size_at(middle) >= least ? low : high) = middle;
    if (low > 0.0 && high < low * 1.001) {
      break;
    }
  }
  return low;
}

std::vector<Index> usable(const Runs& runs, const SurrogateOptions& options) {
  std::vector<Index> all;
  all.reserve(static_cast<std::size_t>(runs.size()));
  for (Index i = 0; i < runs.size(); ++i) {
    if (!options.uses_jacobians || runs.jacobian(i).size() > 0) {
      all.push_back(i);
    }
  }
  if (!options.half || all.size() < 2) {
    return all;
  }
  std::vector<Index> half;
  half.reserve(all.size() / 2 + 1);
  for (std::size_t i = *options.half == Half::first ? 0 : 1; i < all.size(); i += 2) {
    half.push_back(all[i]);
  }
  return half;
}

struct Weighted {
  std::vector<Index> runs;
  VectorXd weights;
};

/// The runs that matter, at most `most_runs` of them.
Weighted heavy(const std::vector<Index>& runs, const VectorXd& log_weights) {
  const double largest = log_weights.maxCoeff();
  const double least = largest + std::log(least_weight);
  std::vector<std::size_t> order(runs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (log_weights.size() > most_runs) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return log_weights[static_cast<Index>(a)] > log_weights[static_cast<Index>(b)];
    });
    order.resize(static_cast<std::size_t>(most_runs));
    std::sort(order.begin(), order.end());
  }
  Weighted chosen;
  std::vector<double> weights;
  chosen.runs.reserve(order.size());
  weights.reserve(order.size());
  for (const std::size_t i : order) {
    const double log_weight = log_weights[static_cast<Index>(i)];
    if (log_weight >= least) {
      chosen.runs.push_back(runs[i]);
      weights.push_back(std::exp(log_weight - largest));
    }
  }
  chosen.weights = Eigen::Map<VectorXd>(weights.data(), static_cast<Index>(weights.size()));
  return chosen;
}

/// The derivatives of the log-likelihood that the residuals' fit leaves, with respect to z: a
/// column per sample.
std::vector<MatrixXd> remaining_gradients(const Samples& samples, const Fit& fit) {
  std::vector<MatrixXd> gradients;
  gradients.reserve(samples.jacobians.size());
  for (Index i = 0; i < samples.z.cols(); ++i) {
    const VectorXd residual = samples.values.col(i);
    const VectorXd fitted = residual - fit.residuals.col(i);
    const VectorXd gradient = fit.map.gradients(samples.z.col(i)) * fitted -
                              samples.jacobians[static_cast<std::size_t>(i)].transpose() * residual;
    gradients.emplace_back(gradient.transpose());
  }
  return gradients;
}

double weighted_mean(const VectorXd& values, const VectorXd& weights) {
  return values.dot(weights) / weights.sum();
}

}  // namespace

double Surrogate::elbo_error() const {
  return log_likelihood_error / std::sqrt(std::max(effective_sample_size, 1.0));
}

bool Surrogate::is_exact() const {
  constexpr double negligible = 1e-3;  // of the noise
  return num_runs > 1 && residual_error < negligible;
}

Surrogate fit_surrogate(const Runs& runs, const Gaussian& base, const SurrogateOptions& options) {
  const Index d = base.dimension();
  const std::vector<Index> all = usable(runs, options);
  INVAR_EXPECTS(!all.empty());
  const auto count = static_cast<double>(all.size());
  Surrogate surrogate;

  VectorXd log_weights = runs.log_weights(base)(all);
  const VectorXd log_likelihoods = runs.log_likelihoods()(all);
  surrogate.effective_sample_size = effective_sample_size(log_weights);
  const double least = options.uses_jacobians ? runs_with_jacobians : static_cast<double>(d + 3);
  if (surrogate.effective_sample_size < std::min(least, count)) {
    // Far from where most runs are: flatter weights.
    const double power = largest_power(VectorXd::Zero(log_weights.size()), log_weights,
                                       std::min(least, 0.999 * count));
    log_weights *= power;
  } else if (options.is_tilted) {
    surrogate.tilt = largest_power(log_weights, log_likelihoods,
                                   std::max(least, 0.5 * surrogate.effective_sample_size));
    log_weights += surrogate.tilt * log_likelihoods;
  }
  const Weighted chosen = heavy(all, log_weights);
  surrogate.num_runs = static_cast<Index>(chosen.runs.size());

  Samples samples{.z = base.standardize(runs.x()(Eigen::all, chosen.runs)),
                  .weights = chosen.weights,
                  .values = runs.residuals()(Eigen::all, chosen.runs)};
  if (options.uses_jacobians) {
    for (const Index run : chosen.runs) {
      samples.jacobians.emplace_back(runs.jacobian(run) * base.lower);
    }
  }
  const auto m = static_cast<double>(samples.values.rows());
  const auto size = static_cast<double>(d);
  const bool can_curve =
      m * size * size <= most_curvatures && m * size * size * size <= most_products;
  const Fit fit = fit_polynomial(samples, can_curve ? Degree::quadratic : Degree::linear);
  surrogate.residuals = fit.map;
  surrogate.residual_error = std::sqrt(
      weighted_mean(fit.left_out.cwiseAbs2().colwise().mean().transpose(), chosen.weights));
  const VectorXd misfits = samples.values.colwise().squaredNorm();
  surrogate.mean_misfit = -2.0 * expected_half_square(fit.map).value;
  if (surrogate.is_exact() && samples.z.cols() > d + 1) {
    return surrogate;
  }

  const MatrixXd fitted = samples.values - fit.residuals;
  Samples rest{.z = samples.z,
               .weights = samples.weights,
               .values = 0.5 * (fitted.colwise().squaredNorm() - misfits.transpose())};
  if (options.uses_jacobians) {
    rest.jacobians = remaining_gradients(samples, fit);
  }
  const Fit correction = fit_polynomial(rest, Degree::quadratic);
  surrogate.correction = correction.map;
  surrogate.mean_misfit -= 2.0 * correction.map.offset[0];

  // What stays unexplained, as it looks to runs that had no part in the fit.
  const VectorXd outside =
      0.5 * ((samples.values - fit.left_out).colwise().squaredNorm() - misfits.transpose())
                .transpose() -
      (rest.values - correction.left_out).row(0).transpose();
  const double middle = weighted_mean(outside, chosen.weights);
  const double variance = weighted_mean((outside.array() - middle).square(), chosen.weights);
  surrogate.log_likelihood_error = std::sqrt(variance);
  // Not less where the correction is shrunk: what it does not see is in the residuals' fit too.
  // What is left grows with z, so that every run is weighed with its own.
  const VectorXd left = outside.array() - middle;
  const VectorXd shares = chosen.weights / chosen.weights.sum();
  const MatrixXd axes = base.lower.rowwise().normalized();  // of the parameters, in z
  const MatrixXd along = axes * samples.z;
  const auto largest_error = [&](const MatrixXd& factors) {
    return std::sqrt((factors.cwiseAbs2() * shares.cwiseProduct(left).cwiseAbs2()).maxCoeff());
  };
  surrogate.mean_error = largest_error(along);
  surrogate.std_error = largest_error(0.5 * (along.array().square() - 1.0));
  return surrogate;
}

}  // namespace invar::regression
