#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "invar/method/state_reader.hpp"
#include "invar/vi/run_vi.hpp"
#include "vi/meaning.hpp"

namespace invar::vi {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

using method::StateReader;

void write_accepted(method::State& state, const AcceptedState& accepted) {
  state.set("accepted_iteration", static_cast<std::int64_t>(accepted.iteration));
  state.set("elbo", accepted.merit.elbo.value);
  state.set("elbo_standard_error", accepted.merit.elbo.standard_error);
  state.set("entropy", accepted.merit.elbo.entropy);
  state.set("relative_mse", accepted.merit.relative_mse);
  state.set("gradient_mean", accepted.gradient.mean);
  state.set("gradient_log_std", accepted.gradient.log_std);
  state.set("gradient_snr", accepted.gradient.snr);
  state.set("gradient_norm", accepted.gradient_norm);
  state.set("direction_mean", accepted.direction.mean);
  state.set("direction_log_std", accepted.direction.log_std);
  state.set("samples", accepted.samples);
  state.set("qois", accepted.qois);
}

AcceptedState read_accepted(const StateReader& in, const Coordinates& at, Index num_qois) {
  const Index dimension = at.mean.size();
  const Index num_samples = in.state().get<MatrixXd>("samples").cols();
  return {.iteration = in.small_count("accepted_iteration"),
          .coordinates = at,
          .merit = {.elbo = {.value = in.real("elbo"),
                             .standard_error = in.real("elbo_standard_error"),
                             .entropy = in.real("entropy")},
                    .relative_mse = in.real("relative_mse")},
          .gradient = {.mean = in.vector("gradient_mean", dimension),
                       .log_std = in.vector("gradient_log_std", dimension),
                       .snr = in.real("gradient_snr")},
          .gradient_norm = in.real("gradient_norm"),
          .direction = {.mean = in.vector("direction_mean", dimension),
                        .log_std = in.vector("direction_log_std", dimension)},
          .samples = in.matrix("samples", dimension, num_samples),
          .qois = in.matrix("qois", num_qois, num_samples)};
}

void write_best(method::State& state, const BestState& best) {
  state.set("best_iteration", static_cast<std::int64_t>(best.iteration));
  state.set("best_elbo", best.elbo.value);
  state.set("best_elbo_standard_error", best.elbo.standard_error);
  state.set("best_entropy", best.elbo.entropy);
  state.set("best_mean", best.coordinates.mean);
  state.set("best_log_std", best.coordinates.log_std);
}

BestState read_best(const StateReader& in, Index dimension) {
  return {.iteration = in.small_count("best_iteration"),
          .coordinates = {.mean = in.vector("best_mean", dimension),
                          .log_std = in.vector("best_log_std", dimension)},
          .elbo = {.value = in.real("best_elbo"),
                   .standard_error = in.real("best_elbo_standard_error"),
                   .entropy = in.real("best_entropy")}};
}

}  // namespace

method::State RunVi::state() const {
  method::State state;
  write_meaning(state, space_, options_);
  state.set("elbo_scaling_factor", target_.scale());
  state.set("target", fmt::format("{:016x}", target_.fingerprint()));
  state.set("round", progress_.round);
  state.set("evaluations", progress_.evaluations);
  state.set("iteration", static_cast<std::int64_t>(progress_.iteration));
  state.set("rejections", static_cast<std::int64_t>(progress_.rejections));
  state.set("step_size", progress_.step_size);
  state.set("stop_reason", std::string(method::stop_reason_name(progress_.stop)));
  VectorXd sizes(static_cast<Index>(progress_.block_sizes.size()));
  std::copy(progress_.block_sizes.begin(), progress_.block_sizes.end(), sizes.begin());
  state.set("block_sizes", sizes);
  const Coordinates& at =
      progress_.accepted ? progress_.accepted->coordinates : initial_.coordinates;
  state.set("mean", at.mean);
  state.set("log_std", at.log_std);
  if (initial_.family.is_correlated()) {
    state.set("correlation_cholesky", initial_.family.correlation_cholesky());
  }
  if (progress_.accepted) {
    state.set("first_elbo", progress_.first_elbo);
    state.set("slope", progress_.slope);
    state.set("accepted_elbos",
              VectorXd(VectorXd::Map(progress_.accepted_elbos.data(),
                                     static_cast<Index>(progress_.accepted_elbos.size()))));
    write_accepted(state, *progress_.accepted);
    write_best(state, *progress_.best);
  }
  return state;
}

bool RunVi::has_target_of(const method::State& state) const {
  return state.get<std::string>("target") == fmt::format("{:016x}", target_.fingerprint());
}

void RunVi::restore(const method::State& state) {
  require_same_meaning(state, space_, options_, ErrorKind::data);
  const StateReader in(state);
  StateReader::require(has_target_of(state), "target", "the prior, data and noise of the study",
                       "others");
  StateReader::require(in.real("elbo_scaling_factor") == target_.scale(), "elbo_scaling_factor",
                       fmt::to_string(target_.scale()),
                       fmt::to_string(in.real("elbo_scaling_factor")));
  load(state);
  if (progress_.accepted && progress_.stop != method::StopReason::line_search_failed) {
    progress_.stop = reason_to_stop();  // limits may have been raised since
  }
}

void RunVi::rescore(const method::State& state, std::int64_t num_given_up) {
  require_same_meaning(state, space_, options_, ErrorKind::data);
  const InitialState own_start = initial_;
  load(state);
  diagnostics_.messages = first_warnings();
  // The batch that is given up was drawn from here.
  const Coordinates proposal = candidate();
  progress_.rejections = 0;
  progress_.step_size = line_search_.initial_step_size();
  std::optional<Judged> judged;
  const bool had_state = progress_.accepted.has_value();
  if (had_state) {
    AcceptedState old = *std::exchange(progress_.accepted, std::nullopt);
    Points points{.x = old.samples, .physical = old.samples};
    for (Index i = 0; i < points.x.cols(); ++i) {
      points.x.col(i) = target_.transform().to_optimizer(old.samples.col(i));
    }
    Survivors kept{.points = std::move(points), .qois = std::move(old.qois), .messages = {}};
    judged = judge(old.coordinates, kept);
    diagnostics_.messages.push_back(fmt::format(
        "prior, data or noise have changed: the current state has the ELBO {:.8g} now "
        "({:.6g} normalised), from the same {} runs",
        judged->merit.elbo.value, target_.normalised(judged->merit.elbo.value), kept.qois.cols()));
    progress_.accepted_elbos.clear();
    progress_.best.reset();
    progress_.stop = method::StopReason::none;
    progress_.iteration = old.iteration;  // `adopt` counts it again
    AcceptedState rescored = accepted_state(old.coordinates, std::move(kept), *judged);
    take_first(rescored);
    if (!progress_.accepted) {  // not finite: the position stays for another change to start from
      progress_.best = BestState{.iteration = rescored.iteration,
                                 .coordinates = rescored.coordinates,
                                 .elbo = rescored.merit.elbo};
      progress_.accepted = std::move(rescored);
      ++progress_.iteration;
    }
    if (progress_.stop == method::StopReason::max_iterations) {
      diagnostics_.messages.emplace_back(
          "max_iterations is reached: raise it to go on under the changed study");
    }
  } else {
    initial_ = own_start;
    diagnostics_.messages.emplace_back(
        "prior, data or noise have changed before there was a first state: the method begins "
        "again");
    progress_.stop = method::StopReason::none;
    ++progress_.iteration;  // other draws than those of the batch that was given up
  }
  ++progress_.round;
  progress_.evaluations += num_given_up;
  plan_next_batch();
  report({.iteration = progress_.iteration - 1,
          .is_accepted = false,
          .step_size = 0.0,
          .num_asked = 0,
          .num_kept = 0,
          .judged = judged,
          .proposal = proposal,
          .is_rescoring = true});
}

void RunVi::load(const method::State& state) {
  const StateReader in(state);
  const Index dimension = space_.dimension();
  Progress progress;
  progress.round = in.count("round");
  progress.evaluations = in.count("evaluations");
  progress.iteration = in.small_count("iteration");
  progress.rejections = in.small_count("rejections");
  progress.step_size = in.real("step_size");
  progress.stop = method::stop_reason_called(state.get<std::string>("stop_reason"));
  for (const double size : state.get<VectorXd>("block_sizes")) {
    StateReader::require(size >= 1.0 && size <= 1e9, "block_sizes", "counts of draws",
                         fmt::to_string(size));
    progress.block_sizes.push_back(static_cast<Index>(size));
  }
  const Coordinates at{.mean = in.vector("mean", dimension),
                       .log_std = in.vector("log_std", dimension)};
  if (state.has("accepted_iteration")) {
    progress.first_elbo = in.real("first_elbo");
    progress.slope = in.real("slope");
    const auto& elbos = state.get<VectorXd>("accepted_elbos");
    progress.accepted_elbos.assign(elbos.begin(), elbos.end());
    progress.accepted = read_accepted(in, at, target_.num_qois());
    progress.best = read_best(in, dimension);
  } else {
    initial_.coordinates = at;
  }
  if (initial_.family.is_correlated()) {
    initial_.family = Family::correlated(in.matrix("correlation_cholesky", dimension, dimension));
  }
  progress_ = std::move(progress);
  pending_.reset();
  cache_ = {};
  diagnostics_ = {};
}

}  // namespace invar::vi
