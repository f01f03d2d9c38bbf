#include "invar/regression/regression_vi.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/space/fingerprint.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;

/// Batches of a climb that takes full steps are drawn from a wider Gaussian, of which a share
/// exp(-widening) counts: the variance is larger by sqrt(2 widening / d).
constexpr double widening = 0.7;

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

const RegressionViOptions& allowed(const RegressionViOptions& options) {
  regression_vi_table().require_allowed(options);
  return options;
}

}  // namespace

RegressionVi::RegressionVi(const space::Space& space, const space::Observations& observations,
                           const RegressionViOptions& options, const std::optional<Start>& start,
                           DerivativeSource source)
    : space_(space),
      options_(allowed(options)),
      likelihood_(observations, 0.0),
      transform_(space.bounds, options.transform_map, options.transform_interior_margin),
      fingerprint_(fmt::format("{:016x}", space::fingerprint(space.prior, observations, 0.0))),
      prior_(space, transform_),
      start_(start_gaussian(start, space, transform_, prior_)),
      source_(source),
      observations_(observations.values),
      first_limit_(options.max_evaluations),
      runs_(space.dimension(), likelihood_.num_residuals()) {
  if (family() == Family::mean_field) {
    start_.lower = start_.std().asDiagonal();
  }
  next_size_ = sizes().first;
}

Family RegressionVi::family() const {
  return options_.family == FamilyChoice::mean_field ? Family::mean_field : Family::full;
}

/// Of every run.
method::WantedDerivatives RegressionVi::wanted() const {
  const Index d = space_.dimension();
  const Index m = likelihood_.num_qois();
  switch (source_) {
    case DerivativeSource::jacobian:
      return {.jacobian = true};
    case DerivativeSource::vector_jacobian:
      return {.weights = MatrixXd::Identity(m, m)};
    case DerivativeSource::jacobian_vector:
      return {.directions = MatrixXd::Identity(d, d)};
    case DerivativeSource::none:
      break;
  }
  return {};
}

RegressionVi::Sizes RegressionVi::sizes() const {
  const Index d = space_.dimension();
  Sizes sizes;
  if (has_jacobians()) {
    sizes.first = 8;
    sizes.most = options_.first_sample_size.value_or(16);
    sizes.usual = options_.sample_size.value_or(16);
    sizes.unsettled = sizes.usual;
    sizes.checks = std::min<Index>(sizes.usual, 4);
  } else {
    sizes.first = d + 2 + std::min<Index>(d + 2, 16);
    sizes.most = options_.first_sample_size.value_or(static_cast<int>(16 * (d + 2)));
    sizes.usual = options_.sample_size.value_or(static_cast<int>(2 * (d + 2)));
    sizes.unsettled = options_.sample_size.value_or(
        static_cast<int>(2 * (d + 2) + std::min<Index>(2 * (d + 2), 16)));
    sizes.checks = std::min<Index>(sizes.usual, std::max<Index>(4, (d + 2) / 16));
  }
  sizes.first = std::min(sizes.first, sizes.most);
  sizes.starts = options_.starts.value_or(8);
  return sizes;
}

Stage RegressionVi::stage() const {
  if (climbs_.empty()) {
    return Stage::exploring;
  }
  return is_correcting_             ? Stage::correcting
         : climbs_[current_].search ? Stage::gauss_newton
                                    : Stage::climbing;
}

/// Near the end of what is not fitted exactly the tails matter, of which a few draws see little.
Gaussian RegressionVi::proposal(const Climb& climb) const {
  Gaussian q = climb.q;
  if (climb.num_full_steps > 0 && climb.elbo_error > 0.0) {
    q.lower *= std::sqrt(1.0 + std::sqrt(2.0 * widening / static_cast<double>(q.dimension())));
  }
  return q;
}

Gaussian RegressionVi::proposal() const {
  switch (stage()) {
    case Stage::climbing:
      return proposal(climbs_[current_]);
    case Stage::correcting:
      return correcting_proposal();
    case Stage::exploring:
    case Stage::gauss_newton:
      break;
  }
  return start_;
}

MatrixXd RegressionVi::draws(const DrawKey& key, Index number) const {
  return standard_points(options_, key, space_.dimension(), number);
}

DrawKey RegressionVi::exploring_key(std::int64_t round) const {
  return {.stream = first_stream_, .number = static_cast<std::uint32_t>(round)};
}

Index RegressionVi::next_size() const {
  return stage() == Stage::exploring ? next_size_ : climbs_[current_].next_size;
}

MatrixXd RegressionVi::next_points() const {
  if (is_correcting_) {
    return correcting_proposal().points(draws(climbs_[current_].key, climbs_[current_].next_size));
  }
  if (stage() != Stage::exploring) {
    return next_points(climbs_[current_]);
  }
  // Only the first batch is cut to the limit (`explore` asks for the rest of it first): others are
  // asked whole or not at all, so that a limit that is raised later finds on record what it would
  // ask.
  const Index size = round_ == 0 ? std::min(next_size_, first_limit_) : next_size_;
  return start_.points(draws(exploring_key(round_), size));
}

void RegressionVi::resume_first_batch(Index size) {
  INVAR_EXPECTS(size >= 1);
  if (round_ == 0 && stage() == Stage::exploring) {
    first_limit_ = size;
    stop_ = std::min(next_size_, size) > options_.max_evaluations ? StopReason::max_evaluations
                                                                  : StopReason::none;
    pending_.reset();
  }
}

method::Batch RegressionVi::ask() {
  INVAR_EXPECTS(stop_ == StopReason::none);
  if (!pending_) {
    pending_ = next_points();
  }
  method::Batch batch{
      .round = round_, .first_id = num_evaluations_, .points = transform_.to_physical(*pending_)};
  if (has_jacobians()) {
    batch.wanted.assign(static_cast<std::size_t>(pending_->cols()), wanted());
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
  if (has_jacobians()) {
    const MatrixXd slope = transform_.jacobian(told.x);
    for (std::size_t i = 0; i < good.size(); ++i) {
      const auto& evaluation = result.evaluations[static_cast<std::size_t>(good[i])];
      const MatrixXd jacobian =
          whole_jacobian(evaluation.derivatives, num_qois, space_.dimension());
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
  const Stage stage = this->stage();
  const Index num_kept = told.x.cols();
  diagnostics_ = {};
  diagnostics_.messages = told.messages;
  if (round_ == 0 && !beginning_.empty()) {
    diagnostics_.messages.push_back(beginning_);
  }
  surrogate_.reset();
  last_climb_.reset();
  ++round_;
  num_evaluations_ += asked.cols();
  if (stage == Stage::exploring) {
    explore(told, asked.cols());
  } else {
    take_turn(told, asked.cols());
  }
  check_limits();
  report(
      {.num_asked = asked.cols(), .num_kept = num_kept, .stage = stage, .drawn_from = drawn_from});
}

void RegressionVi::add_runs(const Proposal& drawn_from, double num_drawn, Told& told) {
  qois_.conservativeResize(likelihood_.num_qois(), qois_.cols() + told.qois.cols());
  qois_.rightCols(told.qois.cols()) = told.qois;
  runs_.add(drawn_from, num_drawn, told.x, told.residuals, std::move(told.jacobians));
}

/// Those of a round of this campaign.
void RegressionVi::add_own_runs(std::int64_t round, const DrawKey& key, const Gaussian& drawn_from,
                                Index num_drawn, Told& told) {
  add_runs({.gaussian = drawn_from}, static_cast<double>(num_drawn), told);
  sampled_rounds_.push_back(round);
  sampled_keys_.push_back(key);
}

/// How many runs are drawn from the start next if so many do not explain it; 0 for no more.
Index RegressionVi::next_exploring_size(Index num_explored) const {
  const Sizes size = sizes();
  const Index left = size.most - num_explored - num_reused_at_start_;
  return left >= std::max<Index>(2, size.usual / 4)
             ? std::min(std::max(num_explored, size.usual), left)
             : 0;
}

/// After a batch at the start: more of it, or climbs.
void RegressionVi::explore(Told& told, Index num_asked) {
  // An empty batch was drawn all the same: where runs fail is less likely, not unknown.
  const Index num_kept = told.x.cols();
  add_own_runs(round_ - 1, exploring_key(round_ - 1), start_, num_asked, told);
  num_empty_ = num_kept > 0 ? 0 : num_empty_ + 1;
  if (num_empty_ >= Climb::most_empty) {
    stop_ = StopReason::too_many_failures;
  }
  if (num_kept == 0) {
    return;
  }
  num_explored_ += num_kept;
  if (num_asked < next_size_) {
    next_size_ -= num_asked;
    return;
  }
  surrogate_ = fit_surrogate(runs_, start_, fitting());
  const bool is_enough = runs_.has_jacobians() || surrogate_->residual_error < explained;
  const Index next = is_enough ? 0 : next_exploring_size(num_explored_);
  if (next > 0) {
    next_size_ = next;
    return;
  }
  const bool is_exact = surrogate_->is_exact();
  if (is_exact || !runs_.has_jacobians() || !begin_from_run()) {
    climbs_.push_back(new_climb(start_));
    step(climbs_.back());
    last_climb_ = 0;
  }
  current_ = 0;
  begin_others(is_exact);
}

void RegressionVi::check_limits() {
  // The first batch at the start is cut to the limit.
  if (stop_ == StopReason::none && (round_ > 0 || !climbs_.empty()) &&
      num_evaluations_ + next_size() > options_.max_evaluations) {
    const bool is_accurate = !climbs_.empty() && climbs_[best_climb()].is_accurate();
    stop_ = is_correcting_ || is_accurate ? StopReason::accuracy : StopReason::max_evaluations;
  }
  makeshift_.reset();
  if (stop_ != StopReason::none && !has_best() && runs_.size() > 0) {
    makeshift_ = makeshift();
  }
}

void RegressionVi::finish() {
  stop_ = StopReason::max_evaluations;
  check_limits();
}

double RegressionVi::error_at_start() const {
  return fit_surrogate(runs_, start_, fitting()).residual_error;
}

MatrixXd RegressionVi::unexplained(const MatrixXd& x, const MatrixXd& qois) const {
  INVAR_EXPECTS(has_climbed());
  const Gaussian& base = *climbs_[*last_climb_].before;
  return likelihood_.whitened_residuals(qois) - surrogate_->residuals.values(base.standardize(x));
}

void RegressionVi::search_from(const VectorXd& x) {
  Climb climb = new_climb(start_);
  climb.search.emplace(x);
  climb.next_size = 1;
  begin_with(std::move(climb));
}

void RegressionVi::search_from(const VectorXd& x, const VectorXd& qois, const MatrixXd& jacobian) {
  search_from(x);
  Climb& climb = climbs_.front();
  climb.search->take(prior_, likelihood_.whitened_residuals(qois).col(0),
                     likelihood_.whitened(jacobian) * transform_.jacobian(x).col(0).asDiagonal());
  if (climb.search->has_settled()) {
    end_search(climb);
  }
}

void RegressionVi::go_on_from(const Gaussian& q) {
  begin_with(new_climb(q));
}

/// With this climb alone; what came before is forgotten, but for the runs.
void RegressionVi::begin_with(Climb climb) {
  climbs_ = {std::move(climb)};
  current_ = 0;
  last_climb_.reset();
  makeshift_.reset();
  is_correcting_ = false;
  beginning_.clear();
  stop_ = StopReason::none;
}

}  // namespace invar::regression
