#include <span>
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

constexpr std::int64_t format_version = 2;

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
  if (state.has("coordinates")) {
    throw Error(kind, "the saved state is of family low_rank, which has other coordinates");
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

/// What is saved of a climb beside its Gaussians and its search.
constexpr Index num_climb_numbers = 14;

VectorXd numbers_of(const Climb& climb) {
  VectorXd numbers(num_climb_numbers);
  numbers << climb.promised_gain, climb.radius, climb.num_full_steps, climb.num_accurate,
      climb.elbo, climb.elbo_error, climb.misfit, climb.before ? 1.0 : 0.0, climb.key.stream,
      climb.key.number, static_cast<double>(climb.next_size), climb.num_empty,
      climb.has_joined ? 1.0 : 0.0, climb.search ? 1.0 : 0.0;
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
              .misfit = numbers[6],
              .key = {.stream = static_cast<std::uint32_t>(numbers[8]),
                      .number = static_cast<std::uint32_t>(numbers[9])},
              .next_size = static_cast<Index>(numbers[10]),
              .num_empty = static_cast<int>(numbers[11]),
              .has_joined = numbers[12] != 0.0};
  if (numbers[7] != 0.0) {
    climb.before = before;
  }
  return climb;
}

std::string search_name(Index climb) {
  return fmt::format("search_{}", climb);
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
  state.set("family", std::string(family_name(family())));
  state.set("derivatives", std::string(derivative_source_name(source_)));
  state.set("accuracy", options_.accuracy);
  state.set("round", round_);
  state.set("evaluations", num_evaluations_);
  state.set("next_size", static_cast<std::int64_t>(next_size_));
  state.set("num_explored", static_cast<std::int64_t>(num_explored_));
  state.set("num_empty", static_cast<std::int64_t>(num_empty_));
  state.set("current", static_cast<std::int64_t>(current_));
  state.set("is_correcting", static_cast<std::int64_t>(is_correcting_ ? 1 : 0));
  state.set("num_correcting", static_cast<std::int64_t>(num_correcting_));
  state.set("num_streams", static_cast<std::int64_t>(num_streams_));
  state.set("stop_reason", std::string(method::stop_reason_name(stop_)));
  state.set("tried_starts", as_vector(tried_starts_));
  state.set("start", columns_of(start_));
  state.set("sampled_rounds", as_vector(sampled_rounds_));
  Columns keys(2);
  for (const DrawKey& key : sampled_keys_) {
    keys.add(Eigen::Vector2d(key.stream, key.number));
  }
  state.set("sampled_keys", keys.all());
  // The batches of this campaign alone: earlier ones are not of its record.
  state.set("num_drawn", as_vector(std::span(runs_.num_drawn()).subspan(num_earlier_batches_)));
  Columns proposals(d);
  for (const Proposal& proposal : std::span(runs_.proposals()).subspan(num_earlier_batches_)) {
    proposals.add(columns_of(proposal.gaussian));
  }
  if (!earlier_.empty()) {
    state.set("num_reused", static_cast<std::int64_t>(num_reused_));
    state.set("first_stream", static_cast<std::int64_t>(first_stream_));
  }
  state.set("proposals", proposals.all());
  Columns climbs(d);
  Columns numbers(num_climb_numbers);
  for (const Climb& climb : climbs_) {
    if (climb.search) {
      climb.search->write(state, search_name(numbers.all().cols()));
    }
    climbs.add(columns_of(climb.q));
    climbs.add(columns_of(climb.before.value_or(climb.q)));
    numbers.add(numbers_of(climb));
  }
  state.set("climbs", climbs.all());
  state.set("climb_numbers", numbers.all());
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
  // Limits may have been raised since.
  const bool wants_more_accuracy = options_.accuracy < state.get<double>("accuracy");
  if (stop_ == method::StopReason::max_evaluations ||
      (stop_ == method::StopReason::accuracy && wants_more_accuracy)) {
    stop_ = method::StopReason::none;
    if (wants_more_accuracy) {
      is_correcting_ = false;
      for (Climb& climb : climbs_) {
        climb.num_accurate = 0;
      }
    }
  }
  check_limits();
}

void RegressionVi::load(const method::State& state) {
  require_same_meaning(state, space_, options_, ErrorKind::data);
  const StateReader in(state);
  const Index d = space_.dimension();
  StateReader::require(state.get<std::string>("family") == family_name(family()), "family",
                       family_name(family()), state.get<std::string>("family"));
  source_ = derivative_source_called(state.get<std::string>("derivatives"));
  round_ = in.count("round");
  num_evaluations_ = in.count("evaluations");
  next_size_ = in.count("next_size");
  num_explored_ = in.count("num_explored");
  num_empty_ = in.small_count("num_empty");
  stop_ = method::stop_reason_called(state.get<std::string>("stop_reason"));
  tried_starts_.clear();
  for (const double run : state.get<VectorXd>("tried_starts")) {
    tried_starts_.push_back(static_cast<Index>(run));
  }
  start_ = gaussian_at(in.matrix("start", d, d + 1), 0);

  const Index num_climbs = state.get<MatrixXd>("climb_numbers").cols();
  const MatrixXd& numbers = in.matrix("climb_numbers", num_climb_numbers, num_climbs);
  const MatrixXd& climbs = in.matrix("climbs", d, 2 * num_climbs * (d + 1));
  climbs_.clear();
  for (Index i = 0; i < num_climbs; ++i) {
    climbs_.push_back(
        climb_of(numbers.col(i), gaussian_at(climbs, 2 * i), gaussian_at(climbs, 2 * i + 1)));
    if (numbers(num_climb_numbers - 1, i) != 0.0) {
      climbs_.back().search = GaussNewton::read(in, search_name(i), d, likelihood_.num_residuals());
    }
  }
  current_ = static_cast<std::size_t>(in.count("current"));
  StateReader::require(climbs_.empty() || current_ < climbs_.size(), "current",
                       "the number of a climb", fmt::to_string(current_));
  is_correcting_ = in.count("is_correcting") != 0;
  StateReader::require(!is_correcting_ || !climbs_.empty(), "is_correcting", "0 without a climb",
                       "1");
  num_correcting_ = in.count("num_correcting");
  num_streams_ = static_cast<std::uint32_t>(in.count("num_streams"));

  // The points are drawn again, so that they are the same bits; the outcomes come from the record.
  const auto& rounds = state.get<VectorXd>("sampled_rounds");
  const MatrixXd& keys = in.matrix("sampled_keys", 2, rounds.size());
  const VectorXd& num_drawn = in.vector("num_drawn", rounds.size());
  const MatrixXd& proposals = in.matrix("proposals", d, rounds.size() * (d + 1));
  add_earlier_runs();
  const std::int64_t num_reused = state.has("num_reused") ? in.count("num_reused") : 0;
  const std::int64_t first_stream = state.has("first_stream") ? in.count("first_stream") : 0;
  StateReader::require(num_reused == num_reused_ && first_stream == first_stream_, "num_reused",
                       fmt::format("{} runs of earlier campaigns", num_reused),
                       fmt::to_string(num_reused_));
  sampled_rounds_.clear();
  sampled_keys_.clear();
  for (Index b = 0; b < rounds.size(); ++b) {
    const auto round = static_cast<std::int64_t>(rounds[b]);
    const Gaussian proposal = gaussian_at(proposals, b);
    const DrawKey key{.stream = static_cast<std::uint32_t>(keys(0, b)),
                      .number = static_cast<std::uint32_t>(keys(1, b))};
    const MatrixXd x = proposal.points(draws(key, static_cast<Index>(num_drawn[b])));
    const auto told = recalled_.find(round);
    StateReader::require(
        told != recalled_.end() && static_cast<Index>(told->second.evaluations.size()) == x.cols(),
        fmt::format("round {}", round), "its runs in the record", "others");
    Told taken = take(x, told->second);
    add_own_runs(round, key, proposal, x.cols(), taken);
  }
  recalled_.clear();
  surrogate_.reset();
  last_climb_.reset();
  makeshift_.reset();
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
  const Stage stage = this->stage();
  current_ = 0;
  is_correcting_ = false;
  if (has_best()) {
    const Gaussian q = best();
    climbs_.clear();
    climbs_.push_back(new_climb(q));
    step(climbs_.back());
    last_climb_ = 0;
    begin_others(surrogate_->is_exact());
    diagnostics_.messages.push_back(
        fmt::format("prior, data or noise have changed: the ELBO at the answer so far is {:.6g} "
                    "now, from the same {} runs",
                    climbs_.front().elbo, runs_.size()));
  } else {
    start_ = new_start;
    begin_anew();
    diagnostics_.messages.emplace_back(
        "prior, data or noise have changed before there was an answer: the method begins again");
  }
  check_limits();
  report({.num_asked = 0,
          .num_kept = 0,
          .stage = stage,
          .drawn_from = drawn_from,
          .is_rescoring = true});
}

}  // namespace invar::regression
