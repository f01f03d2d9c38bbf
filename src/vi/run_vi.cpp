#include "invar/vi/run_vi.hpp"

#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "vi/settings.hpp"

namespace invar::vi {
namespace {

const RunViOptions& validated(const RunViOptions& options) {
  validate(options);
  return options;
}

StdLimits std_limits_of(const RunViOptions& options) {
  const OptimizerRules rules = optimizer_rules(options);
  return {.min = rules.min_variational_std, .max = rules.max_variational_std};
}

bool can_be_used(const method::Evaluation& evaluation, Eigen::Index num_qois) {
  return evaluation.status == method::Status::ok && evaluation.qois.size() == num_qois &&
         evaluation.qois.allFinite();
}

}  // namespace

RunVi::RunVi(const space::Space& space, const space::Observations& observations,
             const RunViOptions& options, const std::optional<Start>& start,
             std::unique_ptr<DrawSource> draws)
    : space_(space),
      options_(validated(options)),
      noise_variances_(observations.noise.variances()),
      target_(space, observations, options),
      line_search_(options),
      std_limits_(std_limits_of(options)),
      initial_(initial_state(start.value_or(space.prior), space, target_, std_limits_)),
      draws_(draws ? std::move(draws) : make_draw_source(options, space.dimension())) {
  progress_.step_size = line_search_.initial_step_size();
  plan_next_batch();
}

method::Batch RunVi::ask() {
  INVAR_EXPECTS(progress_.stop == method::StopReason::none);
  if (!pending_) {
    Coordinates at = candidate();
    extend(cache_, progress_.block_sizes);
    Points points = target_.place(initial_.family.points(at, cache_.normals));
    pending_ = Pending{.coordinates = std::move(at), .points = std::move(points)};
  }
  return {.round = progress_.round,
          .first_id = progress_.evaluations,
          .points = pending_->points.physical};
}

method::Batch RunVi::ahead() const {
  const bool is_last = progress_.iteration + 1 >= optimizer_rules(options_).max_iterations;
  if (!pending_ || !progress_.accepted || is_last) {
    return {};
  }
  method::Batch batch{.round = progress_.round + 1,
                      .first_id = progress_.evaluations + pending_->points.physical.cols(),
                      .points = Eigen::MatrixXd(space_.dimension(), 0)};
  double step_size = progress_.step_size;
  std::vector<Eigen::Index> block_sizes = progress_.block_sizes;
  DrawCache cache = cache_;
  for (int i = 1; i <= most_steps_ahead; ++i) {
    const int rejections = progress_.rejections + i;
    if (line_search_.has_failed(rejections)) {
      break;
    }
    step_size = line_search_.shrunk(step_size);
    block_sizes = next_blocks(std::move(block_sizes), rejections);
    extend(cache, block_sizes);
    // In one go, as `ask` does it: products of other shapes may differ in their last bits.
    const Points points =
        target_.place(initial_.family.points(candidate(step_size), cache.normals));
    const Eigen::Index there = batch.points.cols();
    batch.points.conservativeResize(Eigen::NoChange, there + points.physical.cols());
    batch.points.rightCols(points.physical.cols()) = points.physical;
  }
  return batch;
}

Coordinates RunVi::candidate() const {
  return candidate(progress_.step_size);
}

Coordinates RunVi::candidate(double step_size) const {
  if (!progress_.accepted) {
    return initial_.coordinates;
  }
  Coordinates at =
      line_search_.step(progress_.accepted->coordinates, progress_.accepted->direction, step_size);
  target_.limit_spread(at, std_limits_);
  return at;
}

void RunVi::extend(DrawCache& cache, const std::vector<Eigen::Index>& block_sizes) const {
  if (cache.iteration != progress_.iteration) {
    cache = {.iteration = progress_.iteration, .num_blocks = 0, .normals = {}};
  }
  for (; cache.num_blocks < block_sizes.size(); ++cache.num_blocks) {
    Eigen::MatrixXd block =
        draws_->draw({.iteration = static_cast<std::uint32_t>(progress_.iteration),
                      .block = static_cast<std::uint32_t>(cache.num_blocks),
                      .num_dimensions = space_.dimension(),
                      .num_samples = block_sizes[cache.num_blocks]});
    if (cache.num_blocks == 0) {
      cache.normals = std::move(block);
    } else {
      cache.normals.conservativeResize(Eigen::NoChange, cache.normals.cols() + block.cols());
      cache.normals.rightCols(block.cols()) = block;
    }
  }
}

void RunVi::tell(const method::BatchResult& result) {
  INVAR_EXPECTS(pending_.has_value());
  Pending asked = std::move(*pending_);
  pending_.reset();
  const auto num_asked = asked.points.physical.cols();
  INVAR_EXPECTS(static_cast<Eigen::Index>(result.evaluations.size()) == num_asked);
  Survivors kept = survivors(std::move(asked.points), result);
  const Eigen::Index num_kept = kept.qois.cols();

  diagnostics_ = {};
  diagnostics_.messages = progress_.round == 0 ? first_warnings() : std::vector<std::string>{};
  diagnostics_.messages.insert(diagnostics_.messages.end(), kept.messages.begin(),
                               kept.messages.end());
  const bool is_first = !progress_.accepted;
  const int iteration = progress_.iteration;
  const double step_size = is_first ? 0.0 : progress_.step_size;
  std::optional<Judged> judged;
  if (num_kept >= 2) {
    judged = judge(asked.coordinates, kept);
  }
  bool is_accepted = false;
  if (is_first && !judged) {
    progress_.stop = method::StopReason::too_many_failures;
  } else if (is_first) {
    take_first(accepted_state(asked.coordinates, std::move(kept), *judged));
    is_accepted = progress_.accepted.has_value();
  } else {
    is_accepted = judged && line_search_.accepts({.current = progress_.accepted->merit,
                                                  .candidate = judged->merit,
                                                  .accepted_elbos = progress_.accepted_elbos,
                                                  .step_size = progress_.step_size,
                                                  .slope = progress_.slope});
    if (is_accepted) {
      accept(accepted_state(asked.coordinates, std::move(kept), *judged));
    } else {
      reject();
    }
  }
  ++progress_.round;
  progress_.evaluations += num_asked;
  plan_next_batch();  // also at a stop: raised limits may let it go on
  report({.iteration = iteration,
          .is_accepted = is_accepted,
          .step_size = step_size,
          .num_asked = num_asked,
          .num_kept = num_kept,
          .judged = judged,
          .proposal = asked.coordinates});
}

RunVi::Survivors RunVi::survivors(Points points, const method::BatchResult& result) const {
  std::vector<Eigen::Index> used;
  std::array<int, 8> dropped{};
  for (std::size_t i = 0; i < result.evaluations.size(); ++i) {
    const method::Evaluation& evaluation = result.evaluations[i];
    if (can_be_used(evaluation, target_.num_qois())) {
      used.push_back(static_cast<Eigen::Index>(i));
    } else {
      // An evaluation that calls itself ok and is not.
      const method::Status status = evaluation.status != method::Status::ok ? evaluation.status
                                    : evaluation.qois.size() == target_.num_qois()
                                        ? method::Status::non_finite
                                        : method::Status::bad_output;
      ++dropped.at(static_cast<std::size_t>(status));
    }
  }
  Survivors kept;
  kept.qois.resize(target_.num_qois(), static_cast<Eigen::Index>(used.size()));
  for (std::size_t i = 0; i < used.size(); ++i) {
    kept.qois.col(static_cast<Eigen::Index>(i)) =
        result.evaluations[static_cast<std::size_t>(used[i])].qois;
  }
  if (used.size() == result.evaluations.size()) {
    kept.points = std::move(points);
    return kept;
  }
  kept.points = {.x = points.x(Eigen::all, used), .physical = points.physical(Eigen::all, used)};
  std::string reasons;
  for (std::size_t status = 0; status < dropped.size(); ++status) {
    if (dropped.at(status) > 0) {
      reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", dropped.at(status),
                             method::status_name(static_cast<method::Status>(status)));
    }
  }
  kept.messages.push_back(
      fmt::format("{} of {} evaluations were left out of the averages ({}){}",
                  result.evaluations.size() - used.size(), result.evaluations.size(), reasons,
                  options_.sampling_method == SamplingMethod::rqmc
                      ? "; the quasi-random points of this batch have lost their balance"
                      : ""));
  if (used.size() < 2 && progress_.accepted) {
    kept.messages.emplace_back("fewer than 2 evaluations are left: the step was rejected");
  } else if (used.size() < 2) {
    kept.messages.emplace_back(
        "fewer than 2 evaluations of the first batch are left: the method cannot start");
  }
  return kept;
}

RunVi::Judged RunVi::judge(const Coordinates& at, const Survivors& kept) const {
  const LogDensities densities = target_.log_densities(kept.points, kept.qois);
  Judged judged;
  judged.f = target_.scale() * densities.sum();
  judged.merit.elbo = estimate_elbo(judged.f, target_.scale() * initial_.family.entropy(at));
  judged.merit.relative_mse = target_.relative_mse(kept.qois);
  judged.log_likelihood = densities.log_likelihood.mean();
  judged.log_prior = densities.log_prior.mean();
  return judged;
}

AcceptedState RunVi::accepted_state(const Coordinates& at, Survivors kept,
                                    const Judged& judged) const {
  const Family& family = initial_.family;
  const Standardized points = family.standardize(at, kept.points.x);
  AcceptedState state{
      .iteration = progress_.iteration,
      .coordinates = at,
      .merit = judged.merit,
      .gradient = estimate_gradient(points, judged.f, options_.baseline_method, target_.scale()),
      .gradient_norm = 0.0,
      .direction = {},
      .samples = std::move(kept.points.physical),
      .qois = std::move(kept.qois)};
  if (options_.optimizer_method == OptimizerMethod::gradient) {
    const Direction update =
        update_direction(state.gradient, points.std, gradient_config(options_).gradient_method);
    state.gradient_norm = update.norm();
    state.direction = without_non_finite(update);
  } else {
    state.gradient_norm = std::hypot(state.gradient.mean.norm(), state.gradient.log_std.norm());
    state.direction = newton_direction(
        state.gradient, estimate_hessian(family, points, judged.f, options_.baseline_method),
        points.std, newton_config(options_));
  }
  return state;
}

void RunVi::take_first(AcceptedState first) {
  if (!std::isfinite(first.merit.elbo.value) || !std::isfinite(first.gradient_norm)) {
    diagnostics_.messages.push_back(
        fmt::format("the first state has the ELBO {} and the gradient norm {}: the method cannot "
                    "start; look at the prior, the start and the scale of the QoIs",
                    first.merit.elbo.value, first.gradient_norm));
    progress_.stop = method::StopReason::non_finite;
    return;
  }
  progress_.first_elbo = first.merit.elbo.value;
  adopt(std::move(first));
}

void RunVi::accept(AcceptedState state) {
  progress_.rejections = 0;
  progress_.step_size = line_search_.grown(progress_.step_size);
  adopt(std::move(state));
}

void RunVi::reject() {
  ++progress_.rejections;
  progress_.step_size = line_search_.shrunk(progress_.step_size);
  if (line_search_.has_failed(progress_.rejections)) {
    progress_.stop = method::StopReason::line_search_failed;
  }
}

void RunVi::adopt(AcceptedState state) {
  const double elbo = state.merit.elbo.value;
  std::vector<double>& window = progress_.accepted_elbos;
  window.push_back(elbo);
  if (window.size() > line_search_.window()) {
    window.erase(window.begin());
  }
  if (!progress_.best || elbo > progress_.best->elbo.value) {
    progress_.best = BestState{
        .iteration = state.iteration, .coordinates = state.coordinates, .elbo = state.merit.elbo};
  }
  progress_.slope = line_search_.slope(state.gradient, state.direction);
  progress_.accepted = std::move(state);
  ++progress_.iteration;
  progress_.stop = reason_to_stop();
}

method::StopReason RunVi::reason_to_stop() const {
  const AcceptedState& state = *progress_.accepted;
  const OptimizerRules rules = optimizer_rules(options_);
  const bool is_first = state.iteration == 0;
  if (progress_.iteration >= rules.max_iterations) {
    return method::StopReason::max_iterations;
  }
  if (!is_first && options_.elbo_relative_tolerance &&
      state.merit.elbo.value / (progress_.first_elbo + 1e-16) <=
          *options_.elbo_relative_tolerance) {
    return method::StopReason::elbo_relative_tolerance;
  }
  if (state.gradient_norm <= rules.gradient_norm_tolerance) {
    return method::StopReason::gradient_norm_tolerance;
  }
  return std::isfinite(state.gradient_norm) ? method::StopReason::none
                                            : method::StopReason::non_finite;
}

void RunVi::plan_next_batch() {
  progress_.block_sizes = next_blocks(std::move(progress_.block_sizes), progress_.rejections);
}

std::vector<Eigen::Index> RunVi::next_blocks(std::vector<Eigen::Index> block_sizes,
                                             int rejections) const {
  const Eigen::Index wanted = line_search_.num_samples(options_.sample_size, rejections);
  if (rejections == 0) {
    return {wanted};
  }
  const Eigen::Index there =
      std::accumulate(block_sizes.begin(), block_sizes.end(), Eigen::Index{0});
  if (wanted > there) {
    block_sizes.push_back(wanted - there);
  }
  return block_sizes;
}

RunViResult run_to_end(RunVi& method, method::Evaluator& evaluator) {
  while (method.stop_reason() == method::StopReason::none) {
    const method::Batch batch = method.ask();
    std::vector<Eigen::Index> samples(static_cast<std::size_t>(batch.points.cols()));
    std::iota(samples.begin(), samples.end(), Eigen::Index{0});
    method::BatchResult result;
    result.evaluations.resize(samples.size());
    for (method::Evaluation& evaluation : result.evaluations) {
      evaluation.status = method::Status::cancelled;
    }
    evaluator.evaluate(batch, samples, [&](Eigen::Index sample, method::Evaluation evaluation) {
      result.evaluations.at(static_cast<std::size_t>(sample)) = std::move(evaluation);
    });
    method.tell(result);
  }
  RunViResult answer;
  answer.stop_reason = method.stop_reason();
  answer.evaluations = method.progress().evaluations;
  if (auto posterior = method.posterior()) {
    answer.variational_mean = std::move(posterior->mean);
    answer.variational_std = std::move(posterior->std);
    answer.parameter_samples = std::move(posterior->samples);
    answer.qois = std::move(posterior->qois);
  }
  return answer;
}

}  // namespace invar::vi
