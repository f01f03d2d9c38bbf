#include <cmath>
#include <limits>

#include "invar/core/error.hpp"
#include "invar/vi/estimator.hpp"
#include "vi/baseline.hpp"

namespace invar::vi {

ElboEstimate estimate_elbo(const Eigen::VectorXd& f, double scaled_entropy) {
  INVAR_EXPECTS(f.size() >= 2);
  const auto num_samples = static_cast<double>(f.size());
  const double mean = f.mean();
  const double variance = (f.array() - mean).square().sum() / (num_samples - 1.0);
  return {.value = mean + scaled_entropy,
          .standard_error = std::sqrt(variance / num_samples),
          .entropy = scaled_entropy};
}

namespace {

/// Calls visit(i, s_mean, s_log_std) with the scores of each sample.
template <class Visit>
void for_each_score(const Standardized& points, const Visit& visit) {
  const Eigen::ArrayXd inverse_std = points.std.array().inverse();
  Eigen::ArrayXd mean(points.e.rows());
  Eigen::ArrayXd log_std(points.e.rows());
  for (Eigen::Index i = 0; i < points.e.cols(); ++i) {
    mean = points.a.col(i).array() * inverse_std;
    log_std = points.e.col(i).array() * points.a.col(i).array() - 1.0;
    visit(i, mean, log_std);
  }
}

/// A baseline per component: sum f s^2 / sum s^2, or 0 without scores.
struct OptimalBaseline {
  Eigen::ArrayXd mean;
  Eigen::ArrayXd log_std;
};

OptimalBaseline optimal_baseline(const Standardized& points, const Eigen::VectorXd& f) {
  const Eigen::Index dimension = points.e.rows();
  const Eigen::ArrayXd zero = Eigen::ArrayXd::Zero(dimension);
  Eigen::ArrayXd mean_above = zero;
  Eigen::ArrayXd mean_below = zero;
  Eigen::ArrayXd log_std_above = zero;
  Eigen::ArrayXd log_std_below = zero;
  for_each_score(points, [&](Eigen::Index i, const Eigen::ArrayXd& m, const Eigen::ArrayXd& l) {
    mean_above += f[i] * m.square();
    mean_below += m.square();
    log_std_above += f[i] * l.square();
    log_std_below += l.square();
  });
  return {.mean = (mean_below == 0.0).select(zero, mean_above / mean_below),
          .log_std = (log_std_below == 0.0).select(zero, log_std_above / log_std_below)};
}

}  // namespace

GradientEstimate estimate_gradient(const Standardized& points, const Eigen::VectorXd& f,
                                   BaselineMethod baseline, double scale) {
  INVAR_EXPECTS(f.size() >= 2 && points.e.cols() == f.size());
  const Eigen::Index dimension = points.e.rows();
  const auto num_samples = static_cast<double>(f.size());
  const Eigen::VectorXd weights = weights_of(f, baseline);
  OptimalBaseline b{.mean = Eigen::ArrayXd::Zero(dimension),
                    .log_std = Eigen::ArrayXd::Zero(dimension)};
  if (baseline == BaselineMethod::optimal) {
    b = optimal_baseline(points, f);
  }

  Eigen::ArrayXd mean = Eigen::ArrayXd::Zero(dimension);
  Eigen::ArrayXd log_std = Eigen::ArrayXd::Zero(dimension);
  for_each_score(points, [&](Eigen::Index i, const Eigen::ArrayXd& m, const Eigen::ArrayXd& l) {
    mean += (weights[i] - b.mean) * m;
    log_std += (weights[i] - b.log_std) * l;
  });
  mean /= num_samples;
  log_std /= num_samples;

  double squared_deviations = 0.0;
  for_each_score(points, [&](Eigen::Index i, const Eigen::ArrayXd& m, const Eigen::ArrayXd& l) {
    squared_deviations += ((weights[i] - b.mean) * m - mean).square().sum() +
                          ((weights[i] - b.log_std) * l - log_std).square().sum();
  });
  const double noise = std::sqrt(squared_deviations / (num_samples - 1.0) / num_samples);

  log_std += scale;
  const double norm = std::hypot(mean.matrix().norm(), log_std.matrix().norm());
  double snr = norm / noise;
  if (noise == 0.0) {
    snr = norm == 0.0 ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return {.mean = mean, .log_std = log_std, .snr = snr};
}

}  // namespace invar::vi
