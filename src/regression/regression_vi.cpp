#include "invar/regression/regression_vi.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/core/sobol.hpp"
#include "invar/space/fingerprint.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;

/// A fit explains the runs at the start when it leaves this share of the noise.
constexpr double explained = 0.3;
/// Batches in a row without a good run that are repeated.
constexpr int most_empty = 3;
/// A climb that starts at a run is so wide, in the start's standard deviations.
constexpr double width_at_run = 0.3;
/// Trust region after a Gauss-Newton search, nats.
constexpr double radius_after_search = 8.0;
constexpr double least_radius = 0.3;
/// Batches of a climb that takes full steps are drawn from a wider Gaussian, of which a share
/// exp(-widening) counts: the variance is larger by sqrt(2 widening / d).
constexpr double widening = 0.7;
/// Squares of residuals and Jacobians beyond this would leave nothing finite.
constexpr double most_square = 1e150;

Gaussian start_gaussian(const std::optional<Start>& start, const space::Space& space,
                        const space::Transform& transform, const PriorExpectation& prior) {
  if (!start) {
    return prior.gaussian();
  }
  if (const auto* gaussian = std::get_if<Gaussian>(&*start)) {
    return *gaussian;
  }
  space::Space moved = space;
  moved.prior = std::get<space::Prior>(*start);
  return PriorExpectation(moved, transform).gaussian();
}

bool is_good(const method::Evaluation& evaluation, Index num_qois) {
  return evaluation.status == method::Status::ok && evaluation.qois.size() == num_qois &&
         evaluation.qois.allFinite();
}

}  // namespace

RegressionVi::RegressionVi(const space::Space& space, const space::Observations& observations,
                           const RegressionViOptions& options, const std::optional<Start>& start,
                           bool has_jacobians)
    : space_(space),
      options_(options),
      likelihood_(observations, 0.0),
      transform_(space.bounds, options.transform_map, options.transform_interior_margin),
      fingerprint_(fmt::format("{:016x}", space::fingerprint(space.prior, observations, 0.0))),
      prior_(space, transform_),
      start_(start_gaussian(start, space, transform_, prior_)),
      has_jacobians_(has_jacobians && options.derivatives == DerivativeUse::automatic),
      observations_(observations.values),
      runs_(space.dimension(), likelihood_.num_residuals()) {
  if (options_.family == Family::mean_field) {
    start_.lower = start_.std().asDiagonal();
  }
  next_size_ = sizes().first;
}

RegressionVi::Sizes RegressionVi::sizes() const {
  const Index d = space_.dimension();
  Sizes sizes;
  if (has_jacobians_) {
    sizes.first = 8;
    sizes.most = options_.first_sample_size.value_or(16);
    sizes.usual = options_.sample_size.value_or(16);
    sizes.unsettled = sizes.usual;
    sizes.checks = std::min<Index>(sizes.usual, 4);
  } else {
    sizes.first = d + 2 + std::min<Index>(d + 2, 16);
    sizes.most = options_.first_sample_size.value_or(static_cast<int>(16 * (d + 2)));
    sizes.usual = options_.sample_size.value_or(static_cast<int>(2 * (d + 2)));
    sizes.unsettled = options_.sample_size.value_or(static_cast<int>(4 * (d + 2)));
    sizes.checks = std::min<Index>(sizes.usual, std::max<Index>(4, (d + 2) / 4));
  }
  sizes.first = std::min(sizes.first, sizes.most);
  sizes.starts = options_.starts.value_or(8);
  return sizes;
}

Gaussian RegressionVi::proposal() const {
  if (stage_ == Stage::correcting) {
    return correcting_proposal();
  }
  if (stage_ != Stage::climbing) {
    return start_;
  }
  const Climb& at = climbs_[current_];
  Gaussian q = at.q;
  if (at.num_full_steps > 0 && at.elbo_error > 0.0) {
    // Near the end of what is not fitted exactly the tails matter, of which a few draws see little.
    q.lower *= std::sqrt(1.0 + std::sqrt(2.0 * widening / static_cast<double>(q.dimension())));
  }
  return q;
}

MatrixXd RegressionVi::draws(std::int64_t round, Index number) const {
  core::StreamKey key{.seed = options_.random_seed, .iteration = static_cast<std::uint32_t>(round)};
  const Index d = space_.dimension();
  if (options_.sampling_method == SamplingMethod::mc || d > core::max_sobol_dimension) {
    return core::standard_normals(key, d, number);
  }
  key.purpose = core::Purpose::scramble;
  MatrixXd points = core::scrambled_sobol(key, d, number);
  core::normal_quantile_in_place(points);
  return points;
}

method::Batch RegressionVi::ask() {
  INVAR_EXPECTS(stop_ == StopReason::none);
  if (!pending_) {
    // Only the first batch is cut to the limit: others are asked whole or not at all, so that a
    // limit that is raised later finds on record what it would ask.
    const Index size =
        round_ == 0 ? std::min<Index>(next_size_, options_.max_evaluations) : next_size_;
    pending_ = stage_ == Stage::gauss_newton ? MatrixXd(gauss_newton_->trial())
                                             : proposal().points(draws(round_, size));
  }
  method::Batch batch{
      .round = round_, .first_id = num_evaluations_, .points = transform_.to_physical(*pending_)};
  if (has_jacobians_) {
    batch.wanted.assign(static_cast<std::size_t>(pending_->cols()),
                        method::WantedDerivatives{.jacobian = true});
  }
  return batch;
}

RegressionVi::Told RegressionVi::take(const MatrixXd& x, const method::BatchResult& result) const {
  const Index num_qois = space_.dimension() > 0 ? likelihood_.num_qois() : 0;
  std::vector<Index> good;
  for (Index i = 0; i < x.cols(); ++i) {
    const auto& evaluation = result.evaluations[static_cast<std::size_t>(i)];
    if (is_good(evaluation, num_qois)) {
      good.push_back(i);
    }
  }
  Told told;
  if (static_cast<Index>(good.size()) < x.cols()) {
    told.messages.push_back(fmt::format("{} of {} evaluations were left out: they failed",
                                        x.cols() - static_cast<Index>(good.size()), x.cols()));
  }
  told.x = x(Eigen::all, good);
  told.qois.resize(num_qois, static_cast<Index>(good.size()));
  for (std::size_t i = 0; i < good.size(); ++i) {
    told.qois.col(static_cast<Index>(i)) =
        result.evaluations[static_cast<std::size_t>(good[i])].qois;
  }
  told.residuals = likelihood_.whitened_residuals(told.qois);
  const VectorXd misfits = told.residuals.colwise().squaredNorm();
  std::vector<Index> usable;
  usable.reserve(good.size());
  for (Index i = 0; i < misfits.size(); ++i) {
    if (misfits[i] < most_square) {
      usable.push_back(i);
    }
  }
  if (static_cast<Index>(usable.size()) < misfits.size()) {
    told.messages.push_back(
        fmt::format("{} evaluations were left out: their misfit is beyond all numbers",
                    misfits.size() - static_cast<Index>(usable.size())));
    told.x = told.x(Eigen::all, usable).eval();
    told.qois = told.qois(Eigen::all, usable).eval();
    told.residuals = told.residuals(Eigen::all, usable).eval();
    std::vector<Index> kept;
    kept.reserve(usable.size());
    for (const Index i : usable) {
      kept.push_back(good[static_cast<std::size_t>(i)]);
    }
    good = std::move(kept);
  }
  if (has_jacobians_) {
    const MatrixXd slope = transform_.jacobian(told.x);
    for (std::size_t i = 0; i < good.size(); ++i) {
      const auto& evaluation = result.evaluations[static_cast<std::size_t>(good[i])];
      const MatrixXd& jacobian = evaluation.derivatives.jacobian;
      told.jacobians.emplace_back();  // runs without a usable one count all the same
      if (jacobian.size() > 0) {
        MatrixXd whitened =
            likelihood_.whitened(jacobian) * slope.col(static_cast<Index>(i)).asDiagonal();
        if (whitened.squaredNorm() < most_square) {
          told.jacobians.back() = std::move(whitened);
        }
      }
    }
  }
  return told;
}

void RegressionVi::tell(const method::BatchResult& result) {
  INVAR_EXPECTS(pending_.has_value());
  const MatrixXd asked = std::move(*pending_);
  pending_.reset();
  INVAR_EXPECTS(static_cast<Index>(result.evaluations.size()) == asked.cols());
  Told told = take(asked, result);
  const Gaussian drawn_from = proposal();
  diagnostics_ = {};
  diagnostics_.messages = told.messages;
  surrogate_.reset();
  ++round_;
  num_evaluations_ += asked.cols();
  const Index num_kept = told.x.cols();
  if (stage_ == Stage::gauss_newton) {
    search(told);
  } else {
    // An empty batch was drawn all the same: where runs fail is less likely, not unknown.
    add_runs(round_ - 1, drawn_from, asked.cols(), told);
    num_empty_ = num_kept > 0 ? 0 : num_empty_ + 1;
    if (num_empty_ >= most_empty) {
      stop_ = StopReason::too_many_failures;
    } else if (num_kept > 0 && stage_ == Stage::exploring) {
      num_explored_ += num_kept;
      explore();
    } else if (num_kept > 0 && stage_ == Stage::climbing) {
      climb();
    } else if (num_kept > 0) {
      correct(num_kept);
    }
  }
  check_limits();
  report({.num_asked = asked.cols(), .num_kept = num_kept, .drawn_from = drawn_from});
}

void RegressionVi::add_runs(std::int64_t round, const Gaussian& drawn_from, Index num_drawn,
                            Told& told) {
  qois_.conservativeResize(likelihood_.num_qois(), qois_.cols() + told.qois.cols());
  qois_.rightCols(told.qois.cols()) = told.qois;
  runs_.add(drawn_from, static_cast<double>(num_drawn), told.x, told.residuals,
            std::move(told.jacobians));
  sampled_rounds_.push_back(round);
}

/// After a batch at the start: more of it, or a climb.
void RegressionVi::explore() {
  const Sizes size = sizes();
  surrogate_ = fit_surrogate(runs_, start_, {.uses_jacobians = runs_.has_jacobians()});
  const bool is_enough = runs_.has_jacobians() || surrogate_->residual_error < explained;
  const Index left = size.most - num_explored_;
  if (!is_enough && left >= std::max<Index>(2, size.usual / 4)) {
    next_size_ = std::min(std::max(num_explored_, size.usual), left);
    return;
  }
  if (runs_.has_jacobians() && !surrogate_->is_exact()) {
    begin_from_run();
    return;
  }
  begin_climb(start_, widest_radius());
  climb();
}

/// After a run of the Gauss-Newton search.
void RegressionVi::search(const Told& told) {
  if (told.x.cols() > 0 && told.jacobians.front().size() > 0) {
    gauss_newton_->take(prior_, told.residuals.col(0), told.jacobians.front());
  } else {
    gauss_newton_->take_failure(prior_);
  }
  if (!gauss_newton_->has_settled()) {
    return;
  }
  begin_climb_after_search();
}

/// At the best point of the search, with what its linearised model says in closed form.
void RegressionVi::begin_climb_after_search() {
  Gaussian q = gauss_newton_->laplace(prior_);
  if (options_.family == Family::mean_field) {
    q.lower = q.std().asDiagonal();
  }
  begin_climb(q, options_.trust_radius.value_or(radius_after_search));
  Climb& at = climbs_.back();
  at.before = q;
  at.elbo = gauss_newton_->log_posterior() - 0.5 * static_cast<double>(q.dimension()) +
            q.entropy() + likelihood_.log_normalisation();
  at.misfit = gauss_newton_->misfit();
  gauss_newton_.reset();
}

void RegressionVi::begin_climb(const Gaussian& q, double radius) {
  climbs_.push_back({.q = q, .radius = radius});
  current_ = climbs_.size() - 1;
  stage_ = Stage::climbing;
  num_empty_ = 0;
  next_size_ = sizes().unsettled;
}

/// Log posterior densities of all runs, up to a constant.
VectorXd RegressionVi::log_posteriors() const {
  return runs_.log_likelihoods() + prior_.log_density(runs_.x());
}

/// The run of largest posterior density that was drawn from the start and not tried yet.
void RegressionVi::begin_from_run() {
  const VectorXd densities = log_posteriors();
  Index best = -1;
  for (Index i = 0; i < num_explored_; ++i) {
    const bool was_tried =
        std::find(tried_starts_.begin(), tried_starts_.end(), i) != tried_starts_.end();
    const bool can_start = !runs_.has_jacobians() || runs_.jacobian(i).size() > 0;
    if (!was_tried && can_start && (best < 0 || densities[i] > densities[best])) {
      best = i;
    }
  }
  if (best < 0) {
    begin_climb(start_, widest_radius());
    return;
  }
  tried_starts_.push_back(best);
  if (runs_.has_jacobians()) {
    gauss_newton_.emplace(runs_.x().col(best));
    gauss_newton_->take(prior_, runs_.residuals().col(best), runs_.jacobian(best));
    stage_ = Stage::gauss_newton;
    next_size_ = 1;
    return;
  }
  begin_climb({.mean = runs_.x().col(best), .lower = width_at_run * start_.lower}, widest_radius());
}

Objective RegressionVi::objective(const Gaussian& base, const Surrogate& surrogate) const {
  return {.prior = prior_,
          .base = base,
          .residuals = surrogate.residuals,
          .correction = surrogate.correction};
}

bool RegressionVi::is_misfit_bad(double misfit) const {
  const auto m = static_cast<double>(likelihood_.num_residuals());
  return !(misfit <= m + 4.0 * std::sqrt(2.0 * m));
}

/// A step of the climb at hand, from all runs.
void RegressionVi::climb() {
  Climb& at = climbs_[current_];
  const SurrogateOptions fitted{.is_tilted = !runs_.has_jacobians() && !at.has_settled(),
                                .uses_jacobians = runs_.has_jacobians()};
  surrogate_ = fit_surrogate(runs_, at.q, fitted);
  const Gaussian standard = Gaussian::standard(space_.dimension());
  const double narrowest = std::min(least_radius, widest_radius());
  if (at.before && at.promised_gain > 0.0) {
    // Did the last step gain what it promised?
    const Objective now = objective(at.q, *surrogate_);
    const Gaussian old = seen_from(at.q, *at.before);
    const double gain =
        now.elbo(standard, now.log_joint(standard)) - now.elbo(old, now.log_joint(old));
    const double ratio = gain / std::max(at.promised_gain, 1e-12);
    if (ratio > 0.7) {
      at.radius = std::max(at.radius, std::min(2.0 * at.radius, widest_radius()));
    } else if (ratio < 0.25) {
      at.radius = std::max(0.5 * at.radius, narrowest);
    }
    if (gain < -std::max(1.0, 3.0 * surrogate_->elbo_error())) {
      at.q = *at.before;
      at.radius = std::max(0.4 * at.radius, narrowest);
      surrogate_ = fit_surrogate(runs_, at.q, fitted);
    }
  }
  const Objective here = objective(at.q, *surrogate_);
  const Ascent step = ascend(here, options_.family, surrogate_->is_exact() ? HUGE_VAL : at.radius);
  at.elbo = here.elbo(standard, here.log_joint(standard)) + likelihood_.log_normalisation();
  at.elbo_error = surrogate_->elbo_error();
  at.misfit = surrogate_->mean_misfit;
  at.before = at.q;
  at.promised_gain = step.gain;
  at.q = placed(at.q, step.local);
  at.num_full_steps = step.is_limited ? 0 : at.num_full_steps + 1;

  const double moved = (step.local.mean.array().abs()).maxCoeff();
  const double widened = (step.local.std().array() - 1.0).abs().maxCoeff();
  const bool is_accurate =
      options_.accuracy > 0.0 && at.num_full_steps >= 1 &&
      std::max({surrogate_->mean_error, surrogate_->std_error, 0.5 * moved, 0.5 * widened}) <=
          options_.accuracy &&
      (surrogate_->is_exact() || error_by_halves(*at.before, at.q, fitted) <= options_.accuracy);
  at.num_accurate = is_accurate ? at.num_accurate + 1 : 0;

  const Sizes size = sizes();
  const bool has_settled = at.has_settled();
  next_size_ = surrogate_->is_exact() ? size.checks : has_settled ? size.usual : size.unsettled;
  const bool has_joined = !has_settled && is_near_another(at);
  const bool may_start_again = static_cast<int>(climbs_.size()) < size.starts &&
                               static_cast<Index>(tried_starts_.size()) < num_explored_;
  if ((has_settled && may_start_again && (options_.starts || is_misfit_bad(at.misfit))) ||
      (has_joined && may_start_again)) {
    begin_from_run();
    return;
  }
  if (has_settled || has_joined) {
    current_ = best_climb();
  }
  if (climbs_[current_].is_accurate()) {
    begin_correction();
  }
}

/// The error of the answer as halves of the runs show it: the larger of those of a mean, in
/// standard deviations, and of a standard deviation, relative to itself.
///
/// Half the difference of the two answers is the standard error of the whole; and what their mean
/// is off it, the whole is off the truth, as the bias of a fit falls with the number of runs.
double RegressionVi::error_by_halves(const Gaussian& base, const Gaussian& q,
                                     const SurrogateOptions& fitted) const {
  const auto answer = [&](Half half) {
    SurrogateOptions options = fitted;
    options.half = half;
    const Surrogate surrogate = fit_surrogate(runs_, base, options);
    return placed(base, ascend(objective(base, surrogate), options_.family, HUGE_VAL).local);
  };
  const Gaussian one = answer(Half::first);
  const Gaussian two = answer(Half::second);
  const auto error = [](const VectorXd& first, const VectorXd& second, const VectorXd& whole) {
    return (0.25 * (first - second).cwiseAbs2() + (0.5 * (first + second) - whole).cwiseAbs2())
        .cwiseSqrt()
        .maxCoeff();
  };
  const VectorXd unit = q.std().cwiseInverse();
  return std::max(
      error(one.mean.cwiseProduct(unit), two.mean.cwiseProduct(unit), q.mean.cwiseProduct(unit)),
      error(one.std().cwiseProduct(unit), two.std().cwiseProduct(unit),
            VectorXd::Ones(unit.size())));
}

/// Whether a climb is on its way to where another one has settled.
bool RegressionVi::is_near_another(const Climb& climb) const {
  const auto d = static_cast<double>(space_.dimension());
  return std::any_of(climbs_.begin(), climbs_.end(), [&](const Climb& other) {
    return &other != &climb && other.has_settled() && kl_divergence(other.q, climb.q) < d;
  });
}

double RegressionVi::widest_radius() const {
  return options_.trust_radius.value_or(
      std::max(1.0, 0.25 * static_cast<double>(space_.dimension())));
}

std::size_t RegressionVi::best_climb() const {
  // Settled ones first, then by the ELBO that is sure.
  const auto merit = [](const Climb& climb) {
    const double sure = climb.elbo - 2.0 * climb.elbo_error;
    return std::pair(climb.before ? (climb.has_settled() ? 2 : 1) : 0,
                     std::isfinite(sure) ? sure : -HUGE_VAL);
  };
  std::size_t best = 0;
  for (std::size_t i = 1; i < climbs_.size(); ++i) {
    if (merit(climbs_[i]) > merit(climbs_[best])) {
      best = i;
    }
  }
  return best;
}

void RegressionVi::check_limits() {
  if (stop_ == StopReason::none && num_evaluations_ + next_size_ > options_.max_evaluations &&
      round_ > 0) {
    stop_ = stage_ == Stage::correcting ? StopReason::accuracy : StopReason::max_evaluations;
  }
  const bool has_answer = std::any_of(climbs_.begin(), climbs_.end(),
                                      [](const Climb& climb) { return climb.before.has_value(); });
  if (stop_ == StopReason::none || has_answer || runs_.size() == 0) {
    return;
  }
  // It ends before a climb has begun: an answer from what is there.
  const StopReason reason = stop_;
  if (gauss_newton_ && gauss_newton_->has_point()) {
    begin_climb_after_search();
  } else {
    begin_climb(start_, widest_radius());
    climb();
  }
  stop_ = reason;
}

}  // namespace invar::regression
