#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/method/state_reader.hpp"
#include "invar/regression/subspace_vi.hpp"
#include "invar/space/fingerprint.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StateReader;

constexpr std::int64_t format_version = 1;
/// Before the names of what the inner method saves.
const std::string inner_prefix = "inner_";

void append(VectorXd& all, const MatrixXd& more) {
  all.conservativeResize(all.size() + more.size());
  all.tail(more.size()) = more.reshaped();
}

/// Of the prior alone.
std::string prior_fingerprint(const space::Prior& prior) {
  const VectorXd one = VectorXd::Ones(1);
  return fmt::format(
      "{:016x}",
      space::fingerprint(prior, {.values = one, .noise = space::Noise::independent(one)}, 0.0));
}

/// Numbers that were put one after the other.
class Numbers {
 public:
  explicit Numbers(const VectorXd& all) : all_(all) {}
  MatrixXd take(Index rows, Index columns) {
    StateReader::require(next_ + rows * columns <= all_.size(), "drawn", "more numbers", "fewer");
    MatrixXd taken = all_.segment(next_, rows * columns).reshaped(rows, columns);
    next_ += rows * columns;
    return taken;
  }

 private:
  const VectorXd& all_;
  Index next_ = 0;
};

}  // namespace

method::State SubspaceVi::state() const {
  method::State state;
  state.set("method", std::string("regression_vi"));
  state.set("coordinates", std::string("subspace"));
  state.set("format_version", format_version);
  state.set("num_parameters", static_cast<std::int64_t>(frame_.dimension()));
  state.set("target", fingerprint_);
  state.set("prior", prior_fingerprint(space_.prior));
  state.set("derivatives", std::string(derivative_source_name(source_)));
  state.set("bounds_min", space_.bounds.min());
  state.set("bounds_max", space_.bounds.max());
  state.set("round", round_);
  state.set("evaluations", num_evaluations_);
  state.set("products", num_products_);
  state.set("purpose", static_cast<std::int64_t>(purpose_));
  state.set("next_size", static_cast<std::int64_t>(next_size_));
  state.set("num_empty", static_cast<std::int64_t>(num_empty_));
  state.set("uses_derivatives", static_cast<std::int64_t>(uses_derivatives_ ? 1 : 0));
  state.set("num_bases", static_cast<std::int64_t>(num_bases_));
  state.set("inner_began_in_round", inner_round_);
  state.set("inner_began_after_evaluations", inner_evaluations_);
  state.set("stop_reason", std::string(method::stop_reason_name(stop_)));
  state.set("start_mean", start_mean_);
  state.set("start_std", start_std_);
  state.set("basis", basis_);
  state.set("row_space", row_space_);
  state.set("examined", examined_);
  MatrixXd batches(3, static_cast<Index>(drawn_.size()));
  VectorXd numbers(0);
  for (std::size_t b = 0; b < drawn_.size(); ++b) {
    const Drawn& drawn = drawn_[b];
    batches.col(static_cast<Index>(b)) << static_cast<double>(drawn.round), drawn.num_drawn,
        static_cast<double>(drawn.at.rows());
    if (drawn.at.rows() > 0) {
      append(numbers, drawn.proposal.mean);
      append(numbers, drawn.proposal.lower);
      append(numbers, drawn.at);
    }
  }
  state.set("batches", batches);
  state.set("drawn", numbers);
  if (inner_) {
    const method::State inner = inner_->state();
    for (const auto& [name, value] : inner.values()) {
      std::visit([&, n = inner_prefix + name](const auto& v) { state.set(n, v); }, value);
    }
  }
  return state;
}

bool SubspaceVi::has_target_of(const method::State& state) const {
  return state.get<std::string>("target") == fingerprint_;
}

void SubspaceVi::restore(const method::State& state) {
  StateReader::require(has_target_of(state), "target", "the prior, data and noise of the study",
                       "others");
  load(state);
  // The limit may have been raised since.
  if (!inner_) {
    if (stop_ == method::StopReason::max_evaluations) {
      stop_ = method::StopReason::none;
      keep_to_the_limit();
    }
    return;
  }
  if (source_ == DerivativeSource::vector_jacobian && row_space_.cols() == 0 &&
      num_evaluations_ + first_size() <= options_.max_evaluations) {
    // It had to answer before it knew what to ask products of.
    inner_.reset();
    basis_.resize(frame_.dimension(), 0);
    num_bases_ = 0;
    purpose_ = Purpose::probing;
    next_size_ = first_size();
    stop_ = method::StopReason::none;
    recalled_.clear();
    return;
  }
  method::State inner;
  for (const auto& [name, value] : state.values()) {
    if (name.rfind(inner_prefix, 0) == 0 && name.rfind("inner_began", 0) != 0) {
      std::visit([&, n = name.substr(inner_prefix.size())](const auto& v) { inner.set(n, v); },
                 value);
    }
  }
  method::RecordedRounds rounds;
  for (const Drawn& drawn : drawn_) {
    const auto told = recalled_.find(drawn.round);
    if (drawn.round >= inner_round_ && told != recalled_.end()) {
      const MatrixXd xi = points(drawn.round, &drawn, static_cast<Index>(drawn.num_drawn));
      rounds[drawn.round - inner_round_] = reduced(told->second, take(xi, told->second), xi);
    }
  }
  recalled_.clear();
  inner_->recall(rounds);
  // The basis tells which target it is: that of the inner method has the same data and noise.
  inner_->restore(inner);
  if (purpose_ == Purpose::inference) {
    stop_ = inner_->stop_reason();
    keep_to_the_limit();
  }
}

void SubspaceVi::load(const method::State& state) {
  const StateReader in(state);
  const Index d = frame_.dimension();
  const auto require_same = [&](const char* name, const std::string& expected) {
    StateReader::require(state.has(name) && state.get<std::string>(name) == expected, name,
                         expected, state.has(name) ? state.get<std::string>(name) : "none");
  };
  require_same("method", "regression_vi");
  require_same("coordinates", "subspace");
  StateReader::require(in.count("format_version") == format_version, "format_version",
                       fmt::to_string(format_version), fmt::to_string(in.count("format_version")));
  StateReader::require(in.vector("bounds_min", d) == space_.bounds.min() &&
                           in.vector("bounds_max", d) == space_.bounds.max(),
                       "bounds_min, bounds_max", "those of the study", "others");
  source_ = derivative_source_called(state.get<std::string>("derivatives"));
  round_ = in.count("round");
  num_evaluations_ = in.count("evaluations");
  num_products_ = in.count("products");
  const std::int64_t purpose = in.count("purpose");
  StateReader::require(purpose <= static_cast<std::int64_t>(Purpose::inference), "purpose",
                       "0, 1 or 2", fmt::to_string(purpose));
  purpose_ = static_cast<Purpose>(purpose);
  next_size_ = in.count("next_size");
  num_empty_ = in.small_count("num_empty");
  uses_derivatives_ = in.count("uses_derivatives") != 0;
  num_bases_ = in.small_count("num_bases");
  inner_round_ = in.count("inner_began_in_round");
  inner_evaluations_ = in.count("inner_began_after_evaluations");
  stop_ = method::stop_reason_called(state.get<std::string>("stop_reason"));
  start_mean_ = in.vector("start_mean", d);
  start_std_ = in.vector("start_std", d);
  basis_ = state.get<MatrixXd>("basis");
  StateReader::require(basis_.rows() == d, "basis", fmt::format("{} rows", d),
                       fmt::to_string(basis_.rows()));
  row_space_ = state.get<MatrixXd>("row_space");
  examined_ = state.get<VectorXd>("examined");
  drawn_.clear();
  xi_.resize(d, 0);
  qois_.resize(likelihood_.num_qois(), 0);
  const auto& batches = state.get<MatrixXd>("batches");
  StateReader::require(batches.rows() == 3 || batches.cols() == 0, "batches", "3 rows",
                       fmt::to_string(batches.rows()));
  Numbers numbers(state.get<VectorXd>("drawn"));
  for (Index b = 0; b < batches.cols(); ++b) {
    const auto number = static_cast<Index>(batches(1, b));
    const auto rank = static_cast<Index>(batches(2, b));
    StateReader::require(number >= 0 && rank >= 0 && rank <= basis_.cols(), "batches",
                         "sizes and ranks", "others");
    Drawn drawn{.round = static_cast<std::int64_t>(batches(0, b)),
                .proposal = {},
                .num_drawn = batches(1, b),
                .at = MatrixXd(0, number),
                .first = 0,
                .size = 0};
    if (rank > 0) {
      drawn.proposal.mean = numbers.take(rank, 1);
      drawn.proposal.lower = numbers.take(rank, rank);
      drawn.at = numbers.take(rank, number);
    }
    // The points are made again, so that they are the same bits; the outcomes are in the record.
    const MatrixXd xi = points(drawn.round, &drawn, number);
    const auto told = recalled_.find(drawn.round);
    StateReader::require(
        told != recalled_.end() && static_cast<Index>(told->second.evaluations.size()) == number,
        fmt::format("round {}", drawn.round), "its runs in the record", "others");
    keep(take(xi, told->second), std::move(drawn));
  }
  pending_.reset();
  pending_at_.reset();
  diagnostics_ = {};
  inner_.reset();
  if (state.has(inner_prefix + "method")) {
    const auto last = recalled_.find(inner_round_ - 1);
    inner_ = make_inner(gives_rows() && last != recalled_.end() ? &last->second : nullptr);
  }
}

void SubspaceVi::rescore(const method::State& state, std::int64_t num_given_up) {
  // Points and directions are told in coordinates that the prior makes.
  const bool has_same_prior = state.get<std::string>("prior") == prior_fingerprint(space_.prior);
  if (has_same_prior) {
    const VectorXd new_mean = start_mean_;
    const VectorXd new_std = start_std_;
    load(state);
    if (!inner_) {
      start_mean_ = new_mean;
      start_std_ = new_std;
    }
  } else {
    const StateReader in(state);
    round_ = in.count("round");
    num_evaluations_ = in.count("evaluations");
    num_products_ = in.count("products");
  }
  recalled_.clear();
  ++round_;
  num_evaluations_ += num_given_up;
  num_empty_ = 0;
  stop_ = method::StopReason::none;
  if (inner_) {
    const Index r = basis_.cols();
    const StateReader in(state);
    const Gaussian at{.mean = in.vector(inner_prefix + "mean", r),
                      .lower = in.matrix(inner_prefix + "lower", r, r)};
    num_bases_ = 0;
    if (row_space_.cols() > 0) {
      find_row_space();  // in units of the noise that there is now
    }
    begin_inference(nullptr, uses_derivatives_);
    if (uses_derivatives_) {
      inner_->search_from(at.mean);
    } else {
      inner_->go_on_from(at);
    }
    stop_ = inner_->stop_reason();
    diagnostics_.messages.push_back(
        fmt::format("data or noise have changed: it goes on from the answer so far, with the same "
                    "{} runs and {} directions",
                    xi_.cols(), r));
  } else {
    purpose_ = Purpose::probing;
    next_size_ = first_size();
    diagnostics_.messages.emplace_back(
        has_same_prior
            ? "data or noise have changed before there was an answer: the method begins again"
            : "the prior has changed: directions are told relative to it, the method begins again");
  }
  keep_to_the_limit();
  report(0, 0);
  diagnostics_.scalars.back().second = 1.0;
}

}  // namespace invar::regression
