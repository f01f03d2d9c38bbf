#include "invar/regression/surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <Eigen/Dense>

#include "invar/core/error.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Runs of less weight than this share of the largest have no part in a fit.
constexpr double least_weight = 1e-4;
/// The most runs of a fit: it costs their number cubed.
constexpr Index most_runs = 3000;
/// The most numbers of curvatures, and the most products that one ascent step takes with them.
constexpr double most_curvatures = 2e7;
constexpr double most_products = 4e8;
/// A fit of Jacobians needs so many runs; flatter weights bring no more than this times d of them
/// into it.
constexpr double runs_with_jacobians = 16.0;
constexpr double enough_per_dimension = 4.0;
/// Weights are flattened while so many times as many effective runs take this share off the error.
constexpr double growth_with_jacobians = 2.0;
constexpr double growth = 4.0;
constexpr double least_improvement = 0.05;
constexpr double nearly = 0.8;  // of all that are enough: no more of them
/// Residuals that are fitted better than this are known, in units of the noise.
constexpr double negligible = 1e-3;

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

/// A power of the weights of which that many runs count.
VectorXd flattened(const VectorXd& log_weights, double size) {
  const double most = 0.999 * static_cast<double>(log_weights.size());
  return log_weights *
         largest_power(VectorXd::Zero(log_weights.size()), log_weights, std::min(size, most));
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

/// Runs of a fit, with the logarithms of their weights there.
struct Chosen {
  std::vector<Index> runs;
  VectorXd log_weights;
};

/// The runs that matter; of more than `most_runs` of them a systematic sample, the light ones with
/// probabilities in proportion to their weights, so that they stand for all: heavy ones alone would
/// leave out where many light ones are.
Chosen thinned(const VectorXd& log_weights) {
  const double largest = log_weights.maxCoeff();
  Chosen chosen;
  std::vector<double> weights;
  for (Index i = 0; i < log_weights.size(); ++i) {
    if (log_weights[i] >= largest + std::log(least_weight)) {
      chosen.runs.push_back(i);
      weights.push_back(std::exp(log_weights[i] - largest));
    }
  }
  // Weights below this share one chance in proportion; all others are in.
  double certain = 0.0;
  const auto n = static_cast<Index>(weights.size());
  if (n > most_runs) {
    std::vector<double> ascending = weights;
    std::sort(ascending.begin(), ascending.end());
    double sum = 0.0;
    for (Index i = 0; i < n; ++i) {
      const double weight = ascending[static_cast<std::size_t>(i)];
      sum += weight;
      const auto places = static_cast<double>(most_runs - (n - 1 - i));
      if (places > 0.0 &&
          (i + 1 == n || sum / places <= ascending[static_cast<std::size_t>(i + 1)])) {
        certain = sum / places;
        break;
      }
    }
  }
  std::vector<Index> sample;
  std::vector<double> logarithms;
  double passed = 0.5;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const bool is_light = weights[i] < certain;
    passed += is_light ? weights[i] / certain : 0.0;
    if (!is_light || passed >= 1.0) {
      passed -= is_light ? 1.0 : 0.0;
      sample.push_back(chosen.runs[i]);
      logarithms.push_back(std::log(std::max(weights[i], certain)));
    }
  }
  chosen.runs = std::move(sample);
  chosen.log_weights =
      Eigen::Map<VectorXd>(logarithms.data(), static_cast<Index>(logarithms.size()));
  return chosen;
}

double weighted_mean(const VectorXd& values, const VectorXd& weights) {
  return values.dot(weights) / weights.sum();
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

/// The whitened residuals of the runs that matter, and what their fit says.
struct ResidualFit {
  std::vector<Index> runs;
  Samples samples;
  Fit fit;
  VectorXd aimed;           // the weights that are aimed at
  bool is_flatter = false;  // than these the weights of the fit
  double error = 0.0;       // mean square of what is fitted, left-out, under these
};

/// The symmetric matrix B of coordinates B z half-way, in the geometric mean, between those of the
/// base and those of the prior: a second derivative along axes a and b goes with what the slopes
/// along them are, which the data make as large as the base is narrow there. None where it would be
/// no other than that of z.
MatrixXd metric_between(const Gaussian& base, const MatrixXd& prior_lower) {
  const MatrixXd relative = prior_lower.triangularView<Eigen::Lower>().solve(base.lower);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> spectrum(relative.transpose() * relative);
  constexpr double least = 1e-12;  // of the largest variance
  const VectorXd variances =
      spectrum.eigenvalues().cwiseMax(least * spectrum.eigenvalues().maxCoeff());
  const VectorXd roots = variances.array().pow(0.25);  // of the standard deviations
  const VectorXd scales = roots / std::sqrt(roots.cwiseAbs2().mean());
  constexpr double alike = 1e-3;
  if (scales.maxCoeff() - scales.minCoeff() < alike) {
    return {};
  }
  return spectrum.eigenvectors() * scales.asDiagonal() * spectrum.eigenvectors().transpose();
}

/// @param candidates   the runs
/// @param log_weights  of each in the fit
/// @param aim          log weights under which the error counts
ResidualFit fit_residuals(const Runs& runs, const Gaussian& base,
                          const std::vector<Index>& candidates, const VectorXd& log_weights,
                          const VectorXd& aim, const SurrogateOptions& options) {
  const Chosen chosen = thinned(log_weights);
  ResidualFit fitted;
  fitted.runs.reserve(chosen.runs.size());
  for (const Index i : chosen.runs) {
    fitted.runs.push_back(candidates[static_cast<std::size_t>(i)]);
  }
  fitted.samples = {.z = base.standardize(runs.x()(Eigen::all, fitted.runs)),
                    .weights = chosen.log_weights.array().exp(),
                    .values = runs.residuals()(Eigen::all, fitted.runs)};
  if (options.uses_jacobians) {
    for (const Index run : fitted.runs) {
      fitted.samples.jacobians.emplace_back(runs.jacobian(run) * base.lower);
    }
  }
  const auto m = static_cast<double>(fitted.samples.values.rows());
  const auto d = static_cast<double>(base.dimension());
  const bool can_curve = m * d * d <= most_curvatures && m * d * d * d <= most_products;
  if (can_curve && !options.uses_jacobians && options.prior_lower.size() > 0) {
    fitted.samples.metric = metric_between(base, options.prior_lower);
  }
  fitted.fit = fit_polynomial(fitted.samples, can_curve ? Degree::quadratic : Degree::linear);
  // As the fit's weights, by what those that are aimed at differ from them.
  const VectorXd aimed = chosen.log_weights + aim(chosen.runs) - log_weights(chosen.runs);
  fitted.aimed = (aimed.array() - aimed.maxCoeff()).exp();
  fitted.error = weighted_mean(fitted.fit.errors, fitted.aimed);
  return fitted;
}

/// The fit by flatter weights than those of `base`, as far as that makes it better there: few runs
/// of noise against many of bias.
ResidualFit fit_by_flatter_weights(const Runs& runs, const Gaussian& base,
                                   const std::vector<Index>& candidates,
                                   const VectorXd& log_weights, const SurrogateOptions& options) {
  const double enough =
      std::min(options.uses_jacobians ? enough_per_dimension * static_cast<double>(base.dimension())
                                      : static_cast<double>(most_runs),
               static_cast<double>(candidates.size()));
  const double factor = options.uses_jacobians ? growth_with_jacobians : growth;
  ResidualFit best = fit_residuals(runs, base, candidates, log_weights, log_weights, options);
  for (double size = effective_sample_size(log_weights);
       size < nearly * enough && best.error > negligible * negligible;) {
    size = std::min(factor * size, enough);
    ResidualFit flatter =
        fit_residuals(runs, base, candidates, flattened(log_weights, size), log_weights, options);
    if (flatter.error > (1.0 - least_improvement) * best.error) {
      break;
    }
    best = std::move(flatter);
    best.is_flatter = true;
  }
  return best;
}

/// Takes the part that is proportional to |z|^2 - d off the values, by least squares: one number
/// that a ridge on all curvatures would shrink with them.
/// @return the proportion
double take_radial_part(Samples& samples) {
  const VectorXd squares = samples.z.colwise().squaredNorm();
  const VectorXd shares = samples.weights / samples.weights.sum();
  const VectorXd radial = squares.array() - shares.dot(squares);
  const double spread = shares.dot(radial.cwiseAbs2());
  constexpr Index fewest = 8;
  if (samples.z.cols() < fewest || !(spread > 0.0)) {
    return 0.0;
  }
  const double slope = samples.values.row(0).dot(shares.cwiseProduct(radial)) / spread;
  samples.values -=
      slope * (squares.array() - static_cast<double>(samples.z.rows())).matrix().transpose();
  return slope;
}

void add_radial_part(QuadraticMap& map, double slope) {
  if (map.is_linear()) {
    map.curvature = MatrixXd::Zero(map.dimension(), map.dimension());
  }
  map.curvature.diagonal().array() += 2.0 * slope;
}

/// What is added to the log-likelihood of the residuals' fit.
struct Correction {
  QuadraticMap map;
  VectorXd outside;    // what stays unexplained, as it looks to runs that had no part in the fits
  double error = 0.0;  // its root mean square under the weights that are aimed at
};

/// Its error under these weights; and their mean of what is outside becomes part of the map, where
/// that is asked for (the weights of the fit may have been others).
void judge(Correction& correction, const VectorXd& aimed, bool takes_mean) {
  const double middle = weighted_mean(correction.outside, aimed);
  correction.error =
      std::sqrt(weighted_mean((correction.outside.array() - middle).square().matrix(), aimed));
  if (takes_mean) {
    correction.map.offset[0] += middle;
    correction.outside.array() -= middle;
  }
}

/// @param rest      what the residuals' fit leaves, with the weights of this fit
/// @param aimed     the weights that count
/// @param left_out  what the residuals' fit leaves of every run when it is left out
Correction correct(Samples rest, const VectorXd& aimed, const VectorXd& left_out) {
  const bool uses_jacobians = !rest.jacobians.empty();
  const VectorXd beyond = left_out - rest.values.row(0).transpose();
  const double radial = uses_jacobians ? 0.0 : take_radial_part(rest);
  Fit fit = fit_polynomial(rest, Degree::quadratic);
  if (radial != 0.0) {
    add_radial_part(fit.map, radial);
  }
  Correction correction{.map = std::move(fit.map), .outside = fit.left_out.row(0)};
  correction.outside += beyond;
  judge(correction, aimed, !uses_jacobians);
  return correction;
}

/// As `correct`, fitted to the runs that matter with the weights that are aimed at.
Correction correct_narrowly(const Samples& rest, const VectorXd& aimed, const VectorXd& left_out) {
  std::vector<Index> heavy;
  heavy.reserve(static_cast<std::size_t>(aimed.size()));
  for (Index i = 0; i < aimed.size(); ++i) {
    if (aimed[i] >= least_weight * aimed.maxCoeff()) {
      heavy.push_back(i);
    }
  }
  const VectorXd weights = aimed(heavy);
  Correction narrow = correct({.z = rest.z(Eigen::all, heavy),
                               .weights = weights,
                               .values = rest.values(Eigen::all, heavy)},
                              weights, left_out(heavy));
  VectorXd outside = left_out - narrow.map.values(rest.z).row(0).transpose();
  outside(heavy) = narrow.outside;
  narrow.outside = std::move(outside);
  judge(narrow, aimed, true);
  return narrow;
}

}  // namespace

double Surrogate::elbo_error() const {
  return log_likelihood_error / std::sqrt(std::max(effective_sample_size, 1.0));
}

bool Surrogate::is_exact() const {
  return num_runs() > 1 && residual_error < negligible;
}

Surrogate fit_surrogate(const Runs& runs, const Gaussian& base, const SurrogateOptions& options) {
  const Index d = base.dimension();
  const std::vector<Index> candidates = usable(runs, options);
  INVAR_EXPECTS(!candidates.empty());
  Surrogate surrogate;

  VectorXd log_weights = runs.log_weights(base)(candidates);
  surrogate.effective_sample_size = effective_sample_size(log_weights);
  const double least =
      std::min(options.uses_jacobians ? runs_with_jacobians : static_cast<double>(d + 3),
               static_cast<double>(candidates.size()));
  if (surrogate.effective_sample_size < least) {
    // Far from where most runs are.
    log_weights = flattened(log_weights, least);
  } else if (options.is_tilted) {
    const VectorXd log_likelihoods = runs.log_likelihoods()(candidates);
    surrogate.tilt = largest_power(log_weights, log_likelihoods,
                                   std::max(least, 0.5 * surrogate.effective_sample_size));
    log_weights += surrogate.tilt * log_likelihoods;
  }
  const ResidualFit best = fit_by_flatter_weights(runs, base, candidates, log_weights, options);
  const Samples& samples = best.samples;
  const Fit& fit = best.fit;
  surrogate.runs = best.runs;
  surrogate.left_out = VectorXd::Zero(samples.z.cols());
  surrogate.residuals = fit.map;
  surrogate.residual_error =
      std::sqrt(weighted_mean(fit.left_out.cwiseAbs2().colwise().mean().transpose(), best.aimed));
  surrogate.mean_misfit = -2.0 * expected_half_square(fit.map).value;
  if (surrogate.is_exact() && samples.z.cols() > d + 1) {
    return surrogate;
  }

  // What the fit leaves of the log-likelihood. It is as large at its own runs as elsewhere only if
  // each of them is left out; without that a rich fit would explain by chance what it does not
  // know.
  const VectorXd misfits = samples.values.colwise().squaredNorm();
  const auto unexplained = [&](const MatrixXd& residuals) -> VectorXd {
    const VectorXd fitted = (samples.values - residuals).colwise().squaredNorm();
    return 0.5 * (fitted - misfits);
  };
  const VectorXd left_out = unexplained(fit.left_out);
  Samples rest{.z = samples.z, .weights = samples.weights, .values = left_out.transpose()};
  if (options.uses_jacobians) {
    rest.values = unexplained(fit.residuals).transpose();
    rest.jacobians = remaining_gradients(samples, fit);
  }
  Correction correction = correct(rest, best.aimed, left_out);
  if (best.is_flatter && !options.uses_jacobians) {
    Correction narrow = correct_narrowly(rest, best.aimed, left_out);
    if (narrow.error < correction.error) {
      correction = std::move(narrow);
    }
  }
  surrogate.correction = correction.map;
  surrogate.mean_misfit -= 2.0 * correction.map.offset[0];

  surrogate.log_likelihood_error = correction.error;
  surrogate.left_out = correction.outside;
  const VectorXd left = correction.outside.array() - weighted_mean(correction.outside, best.aimed);
  // Not less where the correction is shrunk: what it does not see is in the residuals' fit too.
  // What is left grows with z, so that every run is weighed with its own.
  const VectorXd shares = best.aimed / best.aimed.sum();
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
