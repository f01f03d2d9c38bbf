// What regression_vi does with runs of earlier campaigns.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

#include <Eigen/Dense>
#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"
#include "invar/regression/regression_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// A climb on old runs alone ends after so many steps.
constexpr int most_free_steps = 50;

/// A Gaussian of other coordinates as it looks in these: with the mean and covariance of what it
/// draws. None where that is not inside the bounds.
std::optional<Gaussian> seen_here(const Proposal& proposal) {
  if (!proposal.change) {
    return proposal.gaussian;
  }
  const Index d = proposal.gaussian.dimension();
  const Index number = std::max<Index>(64, 8 * d);
  const core::StreamKey key{.seed = 0, .purpose = core::Purpose::posterior_draws};
  const CoordinateChange::Moved moved =
      proposal.change->to_ours(proposal.gaussian.points(core::standard_normals(key, d, number)));
  if (2 * moved.x.cols() < number) {
    return std::nullopt;
  }
  const VectorXd mean = moved.x.rowwise().mean();
  const MatrixXd centred = moved.x.colwise() - mean;
  const Eigen::LLT<MatrixXd> factor(centred * centred.transpose() /
                                    static_cast<double>(centred.cols()));
  if (factor.info() != Eigen::Success) {
    return std::nullopt;
  }
  return Gaussian{.mean = mean, .lower = factor.matrixL()};
}

}  // namespace

void RegressionVi::reuse(std::vector<EarlierRuns> earlier) {
  take_over(std::move(earlier));
  begin();
}

void RegressionVi::begin() {
  INVAR_EXPECTS(round_ == 0 && !pending_);
  begin_anew();
  check_limits();
}

void RegressionVi::take_over(std::vector<EarlierRuns> earlier) {
  INVAR_EXPECTS(round_ == 0 && !pending_ && earlier_.empty());
  for (const EarlierRuns& one : earlier) {
    const bool fits = one.transform.bounds().min().size() == space_.dimension() &&
                      std::all_of(one.batches.begin(), one.batches.end(), [&](const auto& batch) {
                        return batch.x.cols() == 0 || batch.qois.rows() == likelihood_.num_qois();
                      });
    if (!fits) {
      throw Error(ErrorKind::config,
                  fmt::format("{}: expected runs of {} parameters and {} QoIs, found others",
                              one.origin, space_.dimension(), likelihood_.num_qois()));
    }
  }
  earlier_ = std::move(earlier);
  add_earlier_runs();
}

/// Nothing but the earlier runs is in use then.
void RegressionVi::add_earlier_runs() {
  runs_ = Runs(space_.dimension(), likelihood_.num_residuals());
  qois_.resize(likelihood_.num_qois(), 0);
  first_stream_ = 0;
  for (const EarlierRuns& one : earlier_) {
    auto change = std::make_shared<const CoordinateChange>(one.transform, transform_);
    if (change->is_identity()) {
      change.reset();
    }
    for (const EarlierRuns::Batch& batch : one.batches) {
      // Other random numbers than those of runs that are there already.
      first_stream_ = std::max(first_stream_, static_cast<std::uint32_t>(batch.stream + 1));
      MatrixXd x = batch.x;
      method::BatchResult result;
      std::vector<Index> columns(static_cast<std::size_t>(x.cols()));
      std::iota(columns.begin(), columns.end(), Index{0});
      if (change) {
        CoordinateChange::Moved moved = change->to_ours(x);
        x = std::move(moved.x);
        columns = std::move(moved.columns);
      }
      for (const Index i : columns) {
        method::Evaluation evaluation;
        evaluation.qois = batch.qois.col(i);
        if (!batch.jacobians.empty()) {
          evaluation.derivatives.jacobian = batch.jacobians[static_cast<std::size_t>(i)];
        }
        result.evaluations.push_back(std::move(evaluation));
      }
      Told told = take(x, result);
      add_runs({.gaussian = batch.drawn_from, .change = change}, batch.num_drawn, told);
    }
  }
  num_reused_ = runs_.size();
  num_earlier_batches_ = runs_.num_drawn().size();
  num_reused_at_start_ =
      num_reused_ > 0 ? static_cast<Index>(effective_sample_size(runs_.log_weights(start_))) : 0;
}

/// At the start of everything: with what earlier runs tell, or with runs of the start.
void RegressionVi::begin_anew() {
  climbs_.clear();
  current_ = 0;
  last_climb_.reset();
  num_streams_ = first_stream_;
  next_size_ = sizes().first;
  beginning_.clear();
  if (num_reused_ == 0) {
    return;
  }
  const bool is_told = std::any_of(earlier_.begin(), earlier_.end(),
                                   [](const EarlierRuns& one) { return !one.origin.empty(); });
  const std::optional<Gaussian> best = best_known_gaussian();
  if (!best && !is_start_explored()) {
    next_size_ = std::clamp<Index>(sizes().most - num_reused_at_start_, 2, next_size_);
    if (is_told) {
      beginning_ =
          fmt::format("{} runs of earlier campaigns are used too; they do not tell where to begin",
                      num_reused_);
    }
    return;
  }
  climbs_.push_back(new_climb(best.value_or(start_)));
  const int num_steps = climb_without_new_runs();
  if (is_told) {
    beginning_ = fmt::format(
        "{} runs of earlier campaigns are used too; they carry the climb through {} step{} without "
        "new ones",
        num_reused_, num_steps, num_steps == 1 ? "" : "s");
  }
}

/// Whether more draws of the start would tell little that is new.
bool RegressionVi::is_start_explored() const {
  const Sizes size = sizes();
  if (size.most - num_reused_at_start_ < std::max<Index>(2, size.usual / 4)) {
    return true;
  }
  return num_reused_at_start_ >= enough_to_fit() &&
         fit_surrogate(runs_, start_, fitting()).residual_error < explained;
}

/// So many runs, by their weights, carry a step as a batch of new ones does.
Index RegressionVi::enough_to_fit() const {
  const Index half = sizes().usual / 2;
  return runs_.has_jacobians() ? half : std::max(half, space_.dimension() + 3);
}

/// The one of largest ELBO among those that runs were drawn from, as the weighted runs tell it;
/// none where the start is no worse, or all have too few runs.
std::optional<Gaussian> RegressionVi::best_known_gaussian() const {
  const VectorXd log_posterior = log_posteriors();
  // The ELBO that is sure.
  const auto merit_of = [&](const Gaussian& q) {
    const VectorXd log_weights = runs_.log_weights(q);
    if (!(effective_sample_size(log_weights) >= static_cast<double>(enough_to_fit()))) {
      return -HUGE_VAL;
    }
    VectorXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
    weights /= weights.sum();
    const double mean = weights.dot(log_posterior);
    const double error = weights.cwiseProduct(VectorXd(log_posterior.array() - mean)).norm();
    const double merit = mean + q.entropy() - 2.0 * error;
    return std::isfinite(merit) ? merit : -HUGE_VAL;
  };
  std::optional<Gaussian> best;
  double most = merit_of(start_);
  for (const Proposal& proposal : runs_.proposals()) {
    std::optional<Gaussian> q = seen_here(proposal);
    if (q && family() == Family::mean_field) {
      q->lower = q->std().asDiagonal();
    }
    const double merit = q ? merit_of(*q) : -HUGE_VAL;
    if (merit > most) {
      most = merit;
      best = std::move(q);
    }
  }
  return best;
}

/// Steps as long as there are runs enough where the climb stands, or the fit is exact. Whether it
/// is accurate is left to new runs.
int RegressionVi::climb_without_new_runs() {
  const auto can_step = [this] {
    const Climb& climb = climbs_.front();
    return !climb.has_settled() && ((surrogate_ && surrogate_->is_exact()) ||
                                    effective_sample_size(runs_.log_weights(climb.q)) >=
                                        static_cast<double>(enough_to_fit()));
  };
  int num_steps = 0;
  for (; num_steps < most_free_steps && can_step(); ++num_steps) {
    step(climbs_.front());
    last_climb_ = 0;
  }
  climbs_.front().num_accurate = std::min(climbs_.front().num_accurate, Climb::enough_rounds - 1);
  return num_steps;
}

/// The runs that a climb may begin at: those drawn from the start, and earlier ones that might have
/// been.
std::vector<Index> RegressionVi::runs_to_start_from() const {
  std::vector<Index> found;
  if (num_reused_ == 0) {
    found.resize(static_cast<std::size_t>(num_explored_));
    std::iota(found.begin(), found.end(), Index{0});
    return found;
  }
  const VectorXd log_weights = runs_.log_weights(start_);
  for (Index i = 0; i < runs_.size(); ++i) {
    if (log_weights[i] > std::log(0.5)) {
      found.push_back(i);
    }
  }
  return found;
}

}  // namespace invar::regression
