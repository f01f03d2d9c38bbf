#include <cmath>

#include <Eigen/Dense>

#include "invar/core/random.hpp"
#include "invar/regression/regression_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Weights with a larger Pareto k have no variance.
constexpr double least_k = 0.5;
/// So many effective runs know the corrected moments roughly.
constexpr double enough_runs = 50.0;
/// Where a smaller share of the batches for it counts as effective runs, there is no use in more:
/// so many are tried before that is said, as the first tails that are found bring the share down.
constexpr double least_share = 0.1;
constexpr Index least_batches = 4;

}  // namespace

/// Whether the fits are so far from a Gaussian, as draws of the best one see it, that its moments
/// say little: by their weights, without any run.
bool RegressionVi::is_far_from_gaussian() const {
  constexpr Index num_draws = 2000;
  const Gaussian& base = *climbs_[current_].before;
  const Gaussian& q = climbs_[current_].q;
  const Surrogate fitted =
      surrogate_ && last_climb_ == current_ ? *surrogate_ : fit_surrogate(runs_, base, fitting());
  const core::StreamKey key{
      .seed = options_.random_seed, .purpose = core::Purpose::posterior_draws, .iteration = 1};
  const MatrixXd x = q.points(core::standard_normals(key, q.dimension(), num_draws));
  const MatrixXd z = base.standardize(x);
  VectorXd log_weights = prior_.log_density(x) - q.log_density(x) -
                         0.5 * fitted.residuals.values(z).colwise().squaredNorm().transpose();
  if (fitted.correction) {
    log_weights += fitted.correction->values(z).transpose();
  }
  return smoothed_weights(log_weights).k_hat > least_k;
}

/// After a climb whose answer is accurate: the method stops, unless the posterior is no Gaussian
/// and the weights of the runs, which were drawn where the Gaussian is, cannot say what it is.
void RegressionVi::begin_correction() {
  if (has_enough(importance().smoothed) || !is_far_from_gaussian()) {
    stop_ = method::StopReason::accuracy;
    return;
  }
  is_correcting_ = true;
  num_correcting_ = 0;
  climbs_[current_].next_size = sizes().unsettled;
}

bool RegressionVi::has_enough(const SmoothedWeights& weights) {
  return weights.k_hat <= most_k && weights.effective_sample_size >= enough_runs;
}

/// After a batch for the correction: another one, as long as they help.
void RegressionVi::correct(Index num_kept) {
  if (num_kept == 0) {
    stop_ = method::StopReason::accuracy;
    return;
  }
  num_correcting_ += num_kept;
  const SmoothedWeights weights = importance().smoothed;
  const double size = weights.effective_sample_size;
  const bool is_hopeless = num_correcting_ >= least_batches * next_size() &&
                           size < least_share * static_cast<double>(num_correcting_);
  if (has_enough(weights) || size >= 2.0 * enough_runs || is_hopeless) {
    stop_ = method::StopReason::accuracy;
  }
}

/// The Gaussian with the corrected moments, but wider, so that it reaches into tails where no run
/// has been; the covariance of the answer keeps it from being flat.
///
/// Source: Cornuet, Marin, Mira & Robert 2012, Adaptive multiple importance sampling,
///         doi:10.1111/j.1467-9469.2011.00756.x; there it is not widened.
Gaussian RegressionVi::correcting_proposal() const {
  const double width = 1.0 + 2.0 * std::sqrt(2.0 / static_cast<double>(space_.dimension()));
  const VectorXd weights = importance().smoothed.weights;
  const VectorXd mean = runs_.x() * weights;
  const MatrixXd covariance = weighted_covariance(runs_.x(), weights, mean);
  return {.mean = mean, .lower = (width * covariance + best().covariance()).llt().matrixL()};
}

}  // namespace invar::regression
