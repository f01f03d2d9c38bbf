// The climbs of regression VI: their steps, where they begin, and whose turn it is.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/regression/findings.hpp"
#include "invar/regression/regression_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;

/// A climb that starts at a run is so wide, in the start's standard deviations.
constexpr double width_at_run = 0.3;
/// Trust region after a Gauss-Newton search, nats.
constexpr double radius_after_search = 8.0;
constexpr double least_radius = 0.3;  // and no more than the next times d
constexpr double least_radius_per_dimension = 0.05;
/// Climbs under way that are no farther apart than this, in nats, go to the same place.
constexpr double same_place = 1.0;
/// Runs far from all climbs that weigh more than this together are a place to start from.
constexpr double share_elsewhere = 0.1;
/// Several starts are looked for among this share of the runs, the likeliest ones.
constexpr Index share_of_starts = 8;

double distance(const Gaussian& a, const Gaussian& b) {
  return std::max(kl_divergence(a, b), kl_divergence(b, a));
}

/// Those that have begun first, then by the ELBO that is sure; one that has not settled must be
/// better by a nat for every parameter and one more.
std::pair<bool, double> merit(const Climb& climb) {
  const double sure = climb.elbo - 2.0 * climb.elbo_error;
  const double lead = climb.has_settled() ? static_cast<double>(climb.q.dimension()) + 1.0 : 0.0;
  return {climb.before.has_value(), std::isfinite(sure) ? sure + lead : -HUGE_VAL};
}

}  // namespace

double RegressionVi::widest_radius() const {
  return options_.trust_radius.value_or(
      std::max(1.0, 0.25 * static_cast<double>(space_.dimension())));
}

/// Of a fit without tilt.
SurrogateOptions RegressionVi::fitting() const {
  return {.uses_jacobians = runs_.has_jacobians(), .prior_lower = prior_.gaussian().lower};
}

Objective RegressionVi::objective(const Gaussian& base, const Surrogate& surrogate) const {
  return {.prior = prior_,
          .base = base,
          .residuals = surrogate.residuals,
          .correction = surrogate.correction};
}

/// Log posterior densities of all runs, up to a constant.
VectorXd RegressionVi::log_posteriors() const {
  return runs_.log_likelihoods() + prior_.log_density(runs_.x());
}

MatrixXd RegressionVi::next_points(const Climb& climb) const {
  return climb.search ? MatrixXd(climb.search->trial())
                      : proposal(climb).points(draws(climb.key, climb.next_size));
}

Climb RegressionVi::new_climb(const Gaussian& q) {
  return {.q = q,
          .radius = widest_radius(),
          .key = {.stream = ++num_streams_, .number = 0},
          .next_size = sizes().unsettled};
}

/// The run to start from next, of those that were drawn from the start and not tried yet: the one
/// of largest posterior density; with several starts given, of the likeliest ones the one that is
/// farthest from those tried.
std::optional<Index> RegressionVi::next_start() const {
  const VectorXd densities = log_posteriors();
  std::vector<Index> candidates = runs_to_start_from();
  const auto num_candidates = static_cast<Index>(candidates.size());
  std::erase_if(candidates,
                [&](Index i) { return runs_.has_jacobians() && runs_.jacobian(i).size() == 0; });
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](Index a, Index b) { return densities[a] > densities[b]; });
  if (takes_turns()) {
    const auto most = static_cast<std::size_t>(
        std::max<Index>(2 * Index{*options_.starts}, num_candidates / share_of_starts));
    candidates.resize(std::min(candidates.size(), most));
  }
  std::erase_if(candidates, [this](Index i) { return has_been_tried(i); });
  if (candidates.empty()) {
    return std::nullopt;
  }
  if (!takes_turns() || tried_starts_.empty()) {
    return candidates.front();
  }
  const MatrixXd z = start_.standardize(runs_.x());
  const auto nearest = [&](Index i) {
    double least = HUGE_VAL;
    for (const Index tried : tried_starts_) {
      least = std::min(least, (z.col(i) - z.col(tried)).squaredNorm());
    }
    return least;
  };
  return *std::max_element(candidates.begin(), candidates.end(),
                           [&](Index a, Index b) { return nearest(a) < nearest(b); });
}

/// One more climb, where there is another run to start from.
/// @param is_exact  the fit there is: a climb needs no run then to begin with
bool RegressionVi::begin_from_run(bool is_exact) {
  const std::optional<Index> run = next_start();
  if (!run && num_reused_ > 0 && num_explored_ == 0 && climbs_.size() == 1) {
    climbs_.push_back(new_climb(start_));  // earlier runs have carried the first one past the start
    return true;
  }
  if (run) {
    begin_at(*run, is_exact);
  }
  return run.has_value();
}

void RegressionVi::begin_at(Index run, bool is_exact) {
  tried_starts_.push_back(run);
  if (runs_.has_jacobians() && !is_exact) {
    Climb climb = new_climb(start_);
    climb.search.emplace(runs_.x().col(run));
    climb.search->take(prior_, runs_.residuals().col(run), runs_.jacobian(run));
    climb.next_size = 1;
    climbs_.push_back(std::move(climb));
  } else {
    climbs_.push_back(
        new_climb({.mean = runs_.x().col(run), .lower = width_at_run * start_.lower}));
    if (is_exact) {
      step(climbs_.back());
      climbs_.back().has_joined = is_near_another(climbs_.back());
    }
  }
}

/// The heaviest of the runs that are far from wherever a climb has settled, where together they
/// have a notable share of the posterior: there is another mode, or a long tail. None once a climb
/// has led to nowhere new.
std::optional<Index> RegressionVi::run_elsewhere() const {
  if (modes().size() < climbs_.size() || !climbs_[best_climb()].has_settled()) {
    return std::nullopt;
  }
  std::vector<Gaussian> places;
  places.reserve(climbs_.size());
  for (const Climb& climb : climbs_) {
    places.push_back(climb.q);
  }
  const Eigen::Array<bool, Eigen::Dynamic, 1> is_far = are_far(places, runs_.x());
  const VectorXd weights = importance().smoothed.weights;
  double share = 0.0;
  std::optional<Index> heaviest;
  for (Index i = 0; i < runs_.size(); ++i) {
    const bool is_usable = !runs_.has_jacobians() || runs_.jacobian(i).size() > 0;
    if (is_far[i] && is_usable && !has_been_tried(i)) {
      share += weights[i];
      if (!heaviest || weights[i] > weights[*heaviest]) {
        heaviest = i;
      }
    }
  }
  return share > share_elsewhere ? heaviest : std::nullopt;
}

bool RegressionVi::has_been_tried(Index run) const {
  return std::find(tried_starts_.begin(), tried_starts_.end(), run) != tried_starts_.end();
}

/// All starts at once, where they are to climb in turns.
void RegressionVi::begin_others(bool is_exact) {
  while (takes_turns() && static_cast<int>(climbs_.size()) < sizes().starts &&
         begin_from_run(is_exact)) {
  }
}

/// After a run of a Gauss-Newton search.
void RegressionVi::search(Climb& climb, const Told& told) const {
  if (told.x.cols() > 0 && told.jacobians.front().size() > 0) {
    climb.search->take(prior_, told.residuals.col(0), told.jacobians.front());
  } else {
    climb.search->take_failure(prior_);
  }
  if (climb.search->has_settled()) {
    end_search(climb);
  }
}

/// At the best point of a search, with what its linearised model says in closed form.
void RegressionVi::end_search(Climb& climb) const {
  const GaussNewton& search = *climb.search;
  climb.q = search.laplace(prior_);
  if (family() == Family::mean_field) {
    climb.q.lower = climb.q.std().asDiagonal();
  }
  climb.before = climb.q;
  climb.radius = options_.trust_radius.value_or(radius_after_search);
  climb.elbo = search.log_posterior() - 0.5 * static_cast<double>(climb.q.dimension()) +
               climb.q.entropy() + likelihood_.log_normalisation();
  climb.misfit = search.misfit();
  climb.next_size = sizes().unsettled;
  climb.search.reset();
}

/// A step, from all runs.
void RegressionVi::step(Climb& at) {
  // A tilted fit is biased: not near the end, nor once a step has not kept its promise.
  SurrogateOptions fitted = fitting();
  fitted.is_tilted = !runs_.has_jacobians() && !at.has_settled() && at.radius >= widest_radius();
  surrogate_ = fit_surrogate(runs_, at.q, fitted);
  const Gaussian standard = Gaussian::standard(space_.dimension());
  const double narrowest =
      std::min({least_radius, widest_radius(),
                least_radius_per_dimension * static_cast<double>(space_.dimension())});
  if (at.before && at.promised_gain > 0.0) {
    // Did the last step gain what it promised?
    const Objective now = objective(at.q, *surrogate_);
    const Gaussian old = seen_from(at.q, *at.before);
    const double gain =
        now.elbo(standard, now.log_joint(standard)) - now.elbo(old, now.log_joint(old));
    const double possible = gain + 2.0 * surrogate_->elbo_error();
    if (gain > 0.4 * at.promised_gain) {
      at.radius = std::max(at.radius, std::min(2.0 * at.radius, widest_radius()));
    } else if (possible < 0.25 * at.promised_gain) {
      at.radius = std::max(0.5 * at.radius, narrowest);
    }
    if (gain < -std::max(1.0, 3.0 * surrogate_->elbo_error())) {
      at.q = *at.before;
      at.radius = std::max(0.4 * at.radius, narrowest);
      surrogate_ = fit_surrogate(runs_, at.q, fitted);
    }
  }
  const Objective here = objective(at.q, *surrogate_);
  const Ascent step = ascend(here, family(), surrogate_->is_exact() ? HUGE_VAL : at.radius);
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
      options_.accuracy > 0.0 && at.num_full_steps >= 1 && surrogate_->tilt == 0.0 &&
      std::max({surrogate_->mean_error, surrogate_->std_error, 0.5 * moved, 0.5 * widened}) <=
          options_.accuracy &&
      (surrogate_->is_exact() || error_by_halves(*at.before, at.q, fitted) <= options_.accuracy);
  at.num_accurate = is_accurate ? at.num_accurate + 1 : 0;

  const Sizes size = sizes();
  at.next_size = surrogate_->is_exact() ? size.checks
                 : at.has_settled()     ? size.usual
                                        : size.unsettled;
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
    return placed(base, ascend(objective(base, surrogate), family(), HUGE_VAL).local);
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

/// The climb at hand is told its batch, then the next one has its turn.
void RegressionVi::take_turn(Told& told, Index num_asked) {
  last_climb_ = current_;
  Climb& at = climbs_[current_];
  const bool was_under_way = at.is_under_way();
  if (is_correcting_) {
    const Gaussian drawn_from = correcting_proposal();
    const Index num_kept = told.x.cols();
    add_own_runs(round_ - 1, at.key, drawn_from, num_asked, told);
    ++at.key.number;
    correct(num_kept);
    return;
  }
  if (at.search) {
    search(at, told);
  } else {
    const bool is_empty = told.x.cols() == 0;
    add_own_runs(round_ - 1, at.key, proposal(at), num_asked, told);
    ++at.key.number;
    at.num_empty = is_empty ? at.num_empty + 1 : 0;
    if (!is_empty) {
      step(at);
    }
  }
  at.has_joined = !at.search && !at.has_settled() && is_near_another(at);
  if (at.is_given_up()) {
    diagnostics_.messages.push_back(
        fmt::format("start {} is given up: {} batches in a row without a good run", current_ + 1,
                    at.num_empty));
  }
  move_on(was_under_way);
}

/// Whose turn is next: a new climb's, that of another one under way, or else the best one's.
void RegressionVi::move_on(bool was_under_way) {
  const Climb& at = climbs_[current_];
  const auto asks_for_others = [&](const Climb& climb) {
    return takes_turns() || is_misfit_bad(climb.misfit, likelihood_.num_residuals());
  };
  const bool wants_another = (at.has_joined && asks_for_others(climbs_[best_climb()])) ||
                             (at.has_settled() && asks_for_others(at));
  if (wants_another && static_cast<int>(climbs_.size()) < sizes().starts && begin_from_run()) {
    current_ = climbs_.size() - 1;
    return;
  }
  if (const std::vector<std::size_t> next = turns(); !next.empty()) {
    current_ = next.front();
    return;
  }
  if (static_cast<int>(climbs_.size()) < sizes().starts) {
    if (const std::optional<Index> run = run_elsewhere()) {
      begin_at(*run, false);
      current_ = climbs_.size() - 1;
      diagnostics_.messages.push_back(fmt::format(
          "start {} begins where runs far from the others have a share of the posterior",
          climbs_.size()));
      return;
    }
  }
  if (was_under_way && climbs_.size() > 1) {
    judge_all();
  }
  current_ = best_climb();
  if (climbs_[current_].is_given_up()) {
    stop_ = StopReason::too_many_failures;
  } else if (climbs_[current_].is_accurate()) {
    begin_correction();
  }
}

/// The last climb has come to its end: what they found, by all runs.
void RegressionVi::judge_all() {
  for (Climb& climb : climbs_) {
    if (climb.has_settled()) {
      climb = scored(std::move(climb));
    }
  }
  const std::size_t num_modes = modes().size();
  if (takes_turns() && num_modes > 1) {
    diagnostics_.messages.push_back(
        fmt::format("starts disagree: {} of them came to {} places; the one with the largest ELBO "
                    "goes on",
                    climbs_.size(), num_modes));
  }
}

/// The climbs under way in the order of their turns, the one at hand last.
std::vector<std::size_t> RegressionVi::turns() const {
  std::vector<std::size_t> turns;
  for (std::size_t i = 1; i <= climbs_.size(); ++i) {
    const std::size_t climb = (current_ + i) % climbs_.size();
    if (climbs_[climb].is_under_way()) {
      turns.push_back(climb);
    }
  }
  return turns;
}

/// Whether a climb is on its way to where another one has settled, or where another one is.
bool RegressionVi::is_near_another(const Climb& climb) const {
  const auto d = static_cast<double>(space_.dimension());
  return std::any_of(climbs_.begin(), climbs_.end(), [&](const Climb& other) {
    if (&other == &climb || !other.before) {
      return false;
    }
    return other.has_settled() ? kl_divergence(other.q, climb.q) < d
                               : other.is_under_way() && distance(other.q, climb.q) < same_place;
  });
}

std::size_t RegressionVi::best_climb() const {
  std::size_t best = 0;
  for (std::size_t i = 1; i < climbs_.size(); ++i) {
    if (merit(climbs_[i]) > merit(climbs_[best])) {
      best = i;
    }
  }
  return best;
}

/// The climb that is the answer; null before there is one.
const Climb* RegressionVi::answer() const {
  if (!climbs_.empty() && climbs_[best_climb()].before) {
    return &climbs_[best_climb()];
  }
  return makeshift_ ? &*makeshift_ : nullptr;
}

/// The places where climbs have settled and that of the best one, best first.
std::vector<std::size_t> RegressionVi::modes() const {
  std::vector<std::size_t> climbs(climbs_.size());
  std::iota(climbs.begin(), climbs.end(), 0U);
  std::stable_sort(climbs.begin(), climbs.end(), [this](std::size_t a, std::size_t b) {
    return merit(climbs_[a]) > merit(climbs_[b]);
  });
  std::vector<std::size_t> modes;
  for (const std::size_t i : climbs) {
    const Climb& climb = climbs_[i];
    const bool is_new = std::none_of(modes.begin(), modes.end(), [&](std::size_t other) {
      return std::min(kl_divergence(climb.q, climbs_[other].q),
                      kl_divergence(climbs_[other].q, climb.q)) <
             static_cast<double>(space_.dimension()) + 1.0;
    });
    if (climb.before && (climb.has_settled() || modes.empty()) && is_new) {
      modes.push_back(i);
    }
  }
  return modes;
}

/// An answer from what is there.
Climb RegressionVi::makeshift() {
  const Climb* best = nullptr;
  for (const Climb& climb : climbs_) {
    if (climb.search &&
        (best == nullptr || climb.search->log_posterior() > best->search->log_posterior())) {
      best = &climb;
    }
  }
  Climb climb{.q = start_, .radius = widest_radius()};
  if (best != nullptr) {
    climb = *best;
    end_search(climb);
  } else {
    step(climb);
  }
  return climb;
}

}  // namespace invar::regression
