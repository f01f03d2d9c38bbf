#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/method/state_reader.hpp"
#include "invar/regression/regression_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StateReader;

constexpr std::int64_t format_version = 1;

const char* family_name(Family family) {
  return family == Family::full ? "full" : "mean_field";
}

/// What gives the coordinates of the method their meaning.
void write_meaning(method::State& state, const space::Space& space,
                   const RegressionViOptions& options) {
  state.set("method", std::string("regression_vi"));
  state.set("format_version", format_version);
  state.set("num_parameters", static_cast<std::int64_t>(space.dimension()));
  state.set("bounds_min", space.bounds.min());
  state.set("bounds_max", space.bounds.max());
  state.set(
      "transform_map",
      std::string(options.transform_map == space::TransformMap::sigmoid ? "sigmoid" : "arctan"));
  state.set("transform_interior_margin", options.transform_interior_margin);
}

void require_same_meaning(const method::State& state, const space::Space& space,
                          const RegressionViOptions& options, ErrorKind kind) {
  if (state.get<std::string>("method") != "regression_vi") {
    throw Error(ErrorKind::data, "expected a state of regression_vi, found one of " +
                                     state.get<std::string>("method"));
  }
  method::State expected;
  write_meaning(expected, space, options);
  for (const auto& [name, value] : expected.values()) {
    const auto found = state.values().find(name);
    if (found == state.values().end() || !method::are_same(found->second, value)) {
      throw Error(
          name == "method" || name == "format_version" ? ErrorKind::data : kind,
          fmt::format("the saved state does not fit this study: `{}` is another there", name));
    }
  }
}

/// Matrices of d rows side by side.
class Columns {
 public:
  explicit Columns(Index rows) : all_(rows, 0) {}
  void add(const MatrixXd& more) {
    all_.conservativeResize(Eigen::NoChange, all_.cols() + more.cols());
    all_.rightCols(more.cols()) = more;
  }
  [[nodiscard]] const MatrixXd& all() const { return all_; }

 private:
  MatrixXd all_;
};

/// d x (d + 1) columns: the mean and the factor.
MatrixXd columns_of(const Gaussian& q) {
  MatrixXd columns(q.dimension(), q.dimension() + 1);
  columns << q.mean, q.lower;
  return columns;
}

Gaussian gaussian_at(const MatrixXd& columns, Index number) {
  const Index d = columns.rows();
  return {.mean = columns.col(number * (d + 1)),
          .lower = columns.middleCols(number * (d + 1) + 1, d)};
}

VectorXd numbers_of(const Climb& climb) {
  VectorXd numbers(8);
  numbers << climb.promised_gain, climb.radius, climb.num_full_steps, climb.num_accurate,
      climb.elbo, climb.elbo_error, climb.misfit, climb.before ? 1.0 : 0.0;
  return numbers;
}

Climb climb_of(const VectorXd& numbers, const Gaussian& q, const Gaussian& before) {
  Climb climb{.q = q,
              .promised_gain = numbers[0],
              .radius = numbers[1],
              .num_full_steps = static_cast<int>(numbers[2]),
              .num_accurate = static_cast<int>(numbers[3]),
              .elbo = numbers[4],
              .elbo_error = numbers[5],
              .misfit = numbers[6]};
  if (numbers[7] != 0.0) {
    climb.before = before;
  }
  return climb;
}

template <class Values>
VectorXd as_vector(const Values& values) {
  VectorXd vector(static_cast<Index>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    vector[static_cast<Index>(i)] = static_cast<double>(values[i]);
  }
  return vector;
}

}  // namespace

Gaussian branch_start(const method::State& state, const space::Space& space,
                      const RegressionViOptions& options) {
  require_same_meaning(state, space, options, ErrorKind::config);
  const StateReader in(state);
  const Index d = space.dimension();
  return {.mean = in.vector("mean", d), .lower = in.matrix("lower", d, d)};
}

method::State RegressionVi::state() const {
  const Index d = space_.dimension();
  method::State state;
  write_meaning(state, space_, options_);
  state.set("target", fingerprint_);
  state.set("family", std::string(family_name(options_.family)));
  state.set("has_jacobians", static_cast<std::int64_t>(has_jacobians_ ? 1 : 0));
  state.set("accuracy", options_.accuracy);
  state.set("round", round_);
  state.set("evaluations", num_evaluations_);
  state.set("stage", static_cast<std::int64_t>(stage_));
  state.set("next_size", static_cast<std::int64_t>(next_size_));
  state.set("num_explored", static_cast<std::int64_t>(num_explored_));
  state.set("num_correcting", static_cast<std::int64_t>(num_correcting_));
  state.set("num_empty", static_cast<std::int64_t>(num_empty_));
  state.set("current", static_cast<std::int64_t>(current_));
  state.set("stop_reason", std::string(method::stop_reason_name(stop_)));
  state.set("tried_starts", as_vector(tried_starts_));
  state.set("start", columns_of(start_));
  state.set("sampled_rounds", as_vector(sampled_rounds_));
  state.set("num_drawn", as_vector(runs_.num_drawn()));
  Columns proposals(d);
  for (const Gaussian& proposal : runs_.proposals()) {
    proposals.add(columns_of(proposal));
  }
  state.set("proposals", proposals.all());
  Columns climbs(d);
  Columns numbers(8);
  for (const Climb& climb : climbs_) {
    climbs.add(columns_of(climb.q));
    climbs.add(columns_of(climb.before.value_or(climb.q)));
    numbers.add(numbers_of(climb));
  }
  state.set("climbs", climbs.all());
  state.set("climb_numbers", numbers.all());
  if (gauss_newton_) {
    gauss_newton_->write(state);
  }
  const Gaussian best = has_best() ? this->best() : start_;
  state.set("mean", best.mean);
  state.set("lower", best.lower);
  return state;
}

bool RegressionVi::has_target_of(const method::State& state) const {
  return state.get<std::string>("target") == fingerprint_;
}

void RegressionVi::restore(const method::State& state) {
  StateReader::require(has_target_of(state), "target", "the prior, data and noise of the study",
                       "others");
  load(state);
  if (stage_ == Stage::gauss_newton) {
    gauss_newton_ =
        GaussNewton::read(StateReader(state), space_.dimension(), likelihood_.num_residuals());
  }
  // Limits may have been raised since.
  const bool wants_more_accuracy = options_.accuracy < state.get<double>("accuracy");
  if (stop_ == method::StopReason::max_evaluations ||
      (stop_ == method::StopReason::accuracy && wants_more_accuracy)) {
    stop_ = method::StopReason::none;
    if (wants_more_accuracy && !climbs_.empty()) {
      climbs_[current_].num_accurate = 0;
      if (stage_ == Stage::correcting) {
        stage_ = Stage::climbing;
        next_size_ = sizes().usual;
      }
    }
  }
  check_limits();
}

void RegressionVi::load(const method::State& state) {
  require_same_meaning(state, space_, options_, ErrorKind::data);
  const StateReader in(state);
  const Index d = space_.dimension();
  StateReader::require(state.get<std::string>("family") == family_name(options_.family), "family",
                       family_name(options_.family), state.get<std::string>("family"));
  has_jacobians_ = in.count("has_jacobians") != 0;
  round_ = in.count("round");
  num_evaluations_ = in.count("evaluations");
  const std::int64_t stage = in.count("stage");
  StateReader::require(stage <= static_cast<std::int64_t>(Stage::correcting), "stage", "0 to 3",
                       fmt::to_string(stage));
  stage_ = static_cast<Stage>(stage);
  next_size_ = in.count("next_size");
  num_explored_ = in.count("num_explored");
  num_correcting_ = in.count("num_correcting");
  num_empty_ = in.small_count("num_empty");
  stop_ = method::stop_reason_called(state.get<std::string>("stop_reason"));
  tried_starts_.clear();
  for (const double run : state.get<VectorXd>("tried_starts")) {
    tried_starts_.push_back(static_cast<Index>(run));
  }
  start_ = gaussian_at(in.matrix("start", d, d + 1), 0);

  const auto& numbers = state.get<MatrixXd>("climb_numbers");
  const MatrixXd& climbs = in.matrix("climbs", d, 2 * numbers.cols() * (d + 1));
  climbs_.clear();
  for (Index i = 0; i < numbers.cols(); ++i) {
    climbs_.push_back(
        climb_of(numbers.col(i), gaussian_at(climbs, 2 * i), gaussian_at(climbs, 2 * i + 1)));
  }
  current_ = static_cast<std::size_t>(in.count("current"));
  StateReader::require(climbs_.empty() ? stage_ < Stage::climbing : current_ < climbs_.size(),
                       "current", "the number of a climb", fmt::to_string(current_));
  gauss_newton_.reset();

  // The points are drawn again, so that they are the same bits; the outcomes come from the record.
  const auto& rounds = state.get<VectorXd>("sampled_rounds");
  const VectorXd& num_drawn = in.vector("num_drawn", rounds.size());
  const MatrixXd& proposals = in.matrix("proposals", d, rounds.size() * (d + 1));
  runs_ = Runs(d, likelihood_.num_residuals());
  qois_.resize(likelihood_.num_qois(), 0);
  sampled_rounds_.clear();
  for (Index b = 0; b < rounds.size(); ++b) {
    const auto round = static_cast<std::int64_t>(rounds[b]);
    const Gaussian proposal = gaussian_at(proposals, b);
    const MatrixXd x = proposal.points(draws(round, static_cast<Index>(num_drawn[b])));
    const auto told = recalled_.find(round);
    StateReader::require(
        told != recalled_.end() && static_cast<Index>(told->second.evaluations.size()) == x.cols(),
        fmt::format("round {}", round), "its runs in the record", "others");
    Told taken = take(x, told->second);
    add_runs(round, proposal, x.cols(), taken);
  }
  recalled_.clear();
  surrogate_.reset();
  pending_.reset();
  diagnostics_ = {};
}

void RegressionVi::rescore(const method::State& state, std::int64_t num_given_up) {
  const Gaussian new_start = start_;
  load(state);
  const Gaussian drawn_from = proposal();
  stop_ = method::StopReason::none;
  num_empty_ = 0;
  ++round_;
  num_evaluations_ += num_given_up;
  tried_starts_.clear();
  gauss_newton_.reset();
  if (!climbs_.empty()) {
    const Gaussian q = best();
    climbs_.clear();
    begin_climb(q, widest_radius());
    climb();
    diagnostics_.messages.push_back(
        fmt::format("prior, data or noise have changed: the ELBO at the answer so far is {:.6g} "
                    "now, from the same {} runs",
                    climbs_[current_].elbo, runs_.size()));
  } else {
    stage_ = Stage::exploring;
    start_ = new_start;
    next_size_ = sizes().first;
    diagnostics_.messages.emplace_back(
        "prior, data or noise have changed before there was an answer: the method begins again");
  }
  check_limits();
  report({.num_asked = 0, .num_kept = 0, .drawn_from = drawn_from, .is_rescoring = true});
}

}  // namespace invar::regression
