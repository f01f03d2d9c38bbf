#include "invar/regression/subspace_vi.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>
#include <variant>

#include <Eigen/Dense>
#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"
#include "invar/regression/earlier_runs.hpp"
#include "invar/regression/informed_directions.hpp"
#include "invar/regression/polynomial_fit.hpp"
#include "invar/space/fingerprint.hpp"
#include "invar/space/transform.hpp"
#include "invar/vi/moments.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;

/// Directions are left out whose part of the residuals is below this share of the noise, all
/// together; half its square is what leaves the ELBO, in nats.
constexpr Truncation directions_kept{.tail = 1e-3, .most = 64, .rough_tail = 0.1, .most_ever = 256};
/// Those that an answer must be missing to go on with more.
constexpr Truncation directions_missing{
    .tail = 0.05, .most = 32, .rough_tail = 0.3, .most_ever = 128};
/// Combinations of the QoIs that vary by less than this share of the noise are not looked at.
constexpr double still = 1e-3;
/// Values alone tell all where a fit leaves no more than this share of the noise.
constexpr double known = 1e-3;
/// Parts of the residuals, in units of the noise, that no direction is kept for.
constexpr double negligible = 1e-5;
/// Bases that are tried, each with more directions.
constexpr int most_bases = 6;
/// The same without derivatives, which takes many small steps.
constexpr int most_bases_by_values = 30;

/// A start in the units of the parameters: of a Gaussian no more than what a frame can take.
space::Prior physical(const Start& start, const space::Space& space,
                      const RegressionViOptions& options) {
  if (const auto* given = std::get_if<space::Prior>(&start)) {
    return *given;
  }
  const auto& q = std::get<Gaussian>(start);
  if (space.prior.family() == space::GaussianFamily::multivariate) {
    return space::Prior::multivariate(q.mean, q.covariance());  // there are no bounds
  }
  const space::Transform transform(space.bounds, options.transform_map,
                                   options.transform_interior_margin);
  const vi::PhysicalMoments moments =
      vi::physical_moments({.mean = q.mean, .log_std = q.std().array().log()}, transform);
  return space::Prior::diagonal(moments.mean, moments.std);
}

}  // namespace

SubspaceVi::SubspaceVi(const space::Space& space, const space::Observations& observations,
                       const RegressionViOptions& options, const std::optional<Start>& start,
                       DerivativeSource source)
    : space_(space),
      observations_(observations),
      options_(options),
      likelihood_(observations, 0.0),
      frame_(space),
      fingerprint_(fmt::format("{:016x}", space::fingerprint(space.prior, observations, 0.0))),
      source_(source),
      start_mean_(VectorXd::Zero(space.dimension())),
      start_std_(VectorXd::Ones(space.dimension())),
      first_limit_(options.max_evaluations),
      basis_(space.dimension(), 0),
      row_space_(likelihood_.num_residuals(), 0),
      xi_(space.dimension(), 0),
      qois_(likelihood_.num_qois(), 0) {
  regression_vi_table().require_allowed(options);
  if (start) {
    const space::Prior given = physical(*start, space, options);
    start_mean_ = frame_.start_of(given.mean());
    start_std_ = frame_.std_of(given).cwiseMin(1.0).cwiseMax(1e-6);
  }
  next_size_ = first_size();
}

/// Whether the derivatives show all parameters at once.
bool SubspaceVi::gives_rows() const {
  return source_ == DerivativeSource::jacobian || source_ == DerivativeSource::vector_jacobian;
}

Index SubspaceVi::first_size() const {
  return std::min<Index>(source_ == DerivativeSource::jacobian ? 4 : 12,
                         options_.first_sample_size.value_or(12));
}

/// xi of points with these coordinates in a basis; in all other directions as the prior is.
MatrixXd SubspaceVi::lifted(std::int64_t round, const MatrixXd& at, const MatrixXd& basis) const {
  const core::StreamKey key{.seed = options_.random_seed,
                            .purpose = core::Purpose::uninformed_directions,
                            .iteration = static_cast<std::uint32_t>(round)};
  return basis * at + outside(basis, core::standard_normals(key, frame_.dimension(), at.cols()));
}

/// xi of a batch of probes, or of what was drawn in the subspace.
MatrixXd SubspaceVi::points(std::int64_t round, const Drawn* drawn, Index number) const {
  if (drawn != nullptr && drawn->at.rows() > 0) {
    return lifted(round, drawn->at, basis_.leftCols(drawn->at.rows()));
  }
  MatrixXd xi = start_std_.asDiagonal() *
                standard_points(options_, {.number = static_cast<std::uint32_t>(round)},
                                frame_.dimension(), number);
  xi.colwise() += start_mean_;
  return xi;
}

method::Batch SubspaceVi::ask() {
  INVAR_EXPECTS(stop_ == StopReason::none);
  if (!pending_) {
    switch (purpose_) {
      case Purpose::probing:
        pending_ =
            points(round_, nullptr, round_ == 0 ? std::min(next_size_, first_limit_) : next_size_);
        break;
      case Purpose::sketching:
        pending_ = examined_;
        break;
      case Purpose::inference:
        pending_at_ = inner_->ask().points;
        pending_ = inner_->stage() == Stage::gauss_newton ? MatrixXd(basis_ * *pending_at_)
                                                          : lifted(round_, *pending_at_, basis_);
        break;
    }
  }
  return {.round = round_,
          .first_id = num_evaluations_,
          .points = frame_.to_physical(*pending_),
          .wanted = wanted(*pending_)};
}

method::Batch SubspaceVi::ahead() const {
  method::Batch batch{.round = round_ + 1, .points = MatrixXd(frame_.dimension(), 0)};
  if (!pending_) {
    return batch;
  }
  batch.first_id = num_evaluations_ + pending_->cols();
  // Each batch in one go, as `ask` does it: other shapes may differ in their last bits.
  const auto offer = [&](const MatrixXd& xi) {
    const Index there = batch.points.cols();
    batch.points.conservativeResize(Eigen::NoChange, there + xi.cols());
    batch.points.rightCols(xi.cols()) = frame_.to_physical(xi);
    std::vector<method::WantedDerivatives> more = wanted(xi);
    std::move(more.begin(), more.end(), std::back_inserter(batch.wanted));
  };
  switch (purpose_) {
    case Purpose::probing: {
      const Index left =
          options_.max_evaluations - static_cast<Index>(num_evaluations_) - pending_->cols();
      const Index rest = next_size_ - pending_->cols();
      const Index size =
          rest > 0 && rest <= left ? rest : next_probes(xi_.cols() + pending_->cols(), left);
      if (size > 0) {
        offer(points(round_ + 1, nullptr, size));
      }
      break;
    }
    case Purpose::sketching:
      break;  // what follows is a matter of the derivatives
    case Purpose::inference:
      for (const RegressionVi::Offer& next : inner_->offers()) {
        offer(next.is_search ? MatrixXd(basis_ * next.points)
                             : lifted(round_ + next.rounds, next.points, basis_));
      }
      break;
  }
  return batch;
}

void SubspaceVi::resume_first_batch(Index size) {
  INVAR_EXPECTS(size >= 1);
  if (round_ == 0 && purpose_ == Purpose::probing) {
    first_limit_ = size;
    stop_ = std::min(next_size_, size) > options_.max_evaluations ? StopReason::max_evaluations
                                                                  : StopReason::none;
    pending_.reset();
  }
}

/// What is wanted of the batch at hand.
std::vector<method::WantedDerivatives> SubspaceVi::wanted(const MatrixXd& xi) const {
  const bool wants = purpose_ == Purpose::probing     ? source_ == DerivativeSource::jacobian
                     : purpose_ == Purpose::inference ? inner_->has_jacobians()
                                                      : true;
  if (!wants || source_ == DerivativeSource::none) {
    return {};
  }
  std::vector<method::WantedDerivatives> all(static_cast<std::size_t>(xi.cols()));
  for (Index i = 0; i < xi.cols(); ++i) {
    method::WantedDerivatives& one = all[static_cast<std::size_t>(i)];
    if (source_ == DerivativeSource::jacobian) {
      one.jacobian = true;
    } else if (source_ == DerivativeSource::vector_jacobian) {
      one.weights = likelihood_.weights_of(row_space_);
    } else {
      one.directions = frame_.columns_out_of_frame(basis_, xi.col(i));
    }
  }
  return all;
}

/// Rows of the whitened residuals' Jacobian in the frame, k x d: all, or in the row space.
MatrixXd SubspaceVi::rows(const method::Derivatives& found, const VectorXd& xi) const {
  return source_ == DerivativeSource::jacobian
             ? frame_.rows_in_frame(likelihood_.whitened(found.jacobian), xi)
             : frame_.rows_in_frame(found.vector_jacobians.transpose(), xi);
}

/// The Jacobian of the QoIs with respect to the coordinates of the subspace, m x r.
MatrixXd SubspaceVi::reduced_jacobian(const method::Derivatives& found, const VectorXd& xi) const {
  switch (source_) {
    case DerivativeSource::jacobian:
      return frame_.rows_in_frame(found.jacobian, xi) * basis_;
    case DerivativeSource::vector_jacobian:
      return likelihood_.unwhitened(row_space_ * (rows(found, xi) * basis_));
    case DerivativeSource::jacobian_vector:
      return found.jacobian_vectors;
    case DerivativeSource::none:
      break;
  }
  return {};
}

/// Columns outside a basis whose Gram matrix is the mean of J^T J there over the runs of a batch,
/// up to what is negligible.
MatrixXd SubspaceVi::jacobian_columns(const Told& told, const method::BatchResult& result,
                                      const MatrixXd& known) const {
  MatrixXd columns(frame_.dimension(), 0);
  double count = 0.0;
  for (std::size_t i = 0; i < told.good.size(); ++i) {
    const auto& found = result.evaluations[static_cast<std::size_t>(told.good[i])].derivatives;
    if (found.is_empty()) {
      continue;
    }
    MatrixXd both = columns;
    const MatrixXd more =
        outside(known, rows(found, told.xi.col(static_cast<Index>(i))).transpose());
    both.conservativeResize(Eigen::NoChange, columns.cols() + more.cols());
    both.rightCols(more.cols()) = more;
    columns = compressed(both, negligible);
    count += 1.0;
  }
  return columns / std::sqrt(std::max(count, 1.0));
}

/// Whether the outcome is one to learn from.
bool SubspaceVi::is_usable(const method::Evaluation& evaluation) const {
  return is_good(evaluation, likelihood_.num_qois()) &&
         likelihood_.whitened_residuals(evaluation.qois).squaredNorm() < RegressionVi::most_square;
}

SubspaceVi::Told SubspaceVi::take(const MatrixXd& xi, const method::BatchResult& result) const {
  Told told;
  for (Index i = 0; i < xi.cols(); ++i) {
    if (is_usable(result.evaluations[static_cast<std::size_t>(i)])) {
      told.good.push_back(i);
    }
  }
  const auto num_good = static_cast<Index>(told.good.size());
  if (num_good < xi.cols()) {
    told.messages.push_back(
        fmt::format("{} of {} evaluations were left out: they failed, or their misfit is beyond "
                    "all numbers",
                    xi.cols() - num_good, xi.cols()));
  }
  told.xi = xi(Eigen::all, told.good);
  told.qois.resize(likelihood_.num_qois(), num_good);
  for (Index i = 0; i < num_good; ++i) {
    told.qois.col(i) =
        result.evaluations[static_cast<std::size_t>(told.good[static_cast<std::size_t>(i)])].qois;
  }
  return told;
}

/// The outcomes as the inner method sees them.
method::BatchResult SubspaceVi::reduced(const method::BatchResult& result, const Told& told,
                                        const MatrixXd& xi) const {
  method::BatchResult reduced;
  reduced.evaluations.resize(result.evaluations.size());
  for (method::Evaluation& evaluation : reduced.evaluations) {
    evaluation.status = method::Status::model_failed;
  }
  for (const Index i : told.good) {
    const auto& from = result.evaluations[static_cast<std::size_t>(i)];
    auto& to = reduced.evaluations[static_cast<std::size_t>(i)];
    to.status = from.status;
    to.qois = from.qois;
    if (!from.derivatives.is_empty()) {
      to.derivatives.jacobian = reduced_jacobian(from.derivatives, xi.col(i));
    }
  }
  return reduced;
}

void SubspaceVi::keep(const Told& told, Drawn drawn) {
  drawn.first = xi_.cols();
  drawn.size = told.xi.cols();
  xi_.conservativeResize(Eigen::NoChange, drawn.first + drawn.size);
  xi_.rightCols(drawn.size) = told.xi;
  qois_.conservativeResize(Eigen::NoChange, xi_.cols());
  qois_.rightCols(drawn.size) = told.qois;
  drawn_.push_back(std::move(drawn));
}

void SubspaceVi::tell(const method::BatchResult& result) {
  INVAR_EXPECTS(pending_.has_value());
  const std::vector<method::WantedDerivatives> asked = wanted(*pending_);
  const MatrixXd xi = std::move(*pending_);
  pending_.reset();
  INVAR_EXPECTS(static_cast<Index>(result.evaluations.size()) == xi.cols());
  const Told told = take(xi, result);
  diagnostics_ = {};
  diagnostics_.messages = told.messages;
  ++round_;
  num_evaluations_ += xi.cols();
  for (const method::WantedDerivatives& one : asked) {
    num_products_ += one.directions.cols() + one.weights.cols();
  }
  switch (purpose_) {
    case Purpose::probing:
      keep(told, {.round = round_ - 1,
                  .proposal = {},
                  .num_drawn = static_cast<double>(xi.cols()),
                  .at = {},
                  .first = 0,
                  .size = 0});
      probe(told, result);
      break;
    case Purpose::sketching:
      sketch(told, result);
      break;
    case Purpose::inference:
      infer(told, result, xi);
      break;
  }
  keep_to_the_limit();
  report(xi.cols(), told.xi.cols());
}

/// Ends where the next batch would be too many.
void SubspaceVi::keep_to_the_limit() {
  if (purpose_ == Purpose::probing && stop_ == StopReason::none && round_ > 0 &&
      num_evaluations_ + next_size_ > options_.max_evaluations) {
    if (xi_.cols() > 0) {
      begin_by_values(fit_values());
    } else {
      stop_ = StopReason::max_evaluations;
    }
  }
  if (purpose_ == Purpose::inference && stop_ == StopReason::none &&
      num_evaluations_ + inner_->next_size() > options_.max_evaluations) {
    inner_->finish();
    stop_ = inner_->stop_reason();
  }
}

/// After runs at the start: more of them, a run with products, or inference.
void SubspaceVi::probe(const Told& told, const method::BatchResult& result) {
  num_empty_ = told.good.empty() ? num_empty_ + 1 : 0;
  if (num_empty_ >= Climb::most_empty) {
    stop_ = StopReason::too_many_failures;
    return;
  }
  const Index left = options_.max_evaluations - static_cast<Index>(num_evaluations_);
  if (told.good.empty() && left >= next_size_) {
    return;
  }
  if (xi_.cols() == 0) {
    stop_ = StopReason::max_evaluations;
    return;
  }
  const Index rest = next_size_ - static_cast<Index>(result.evaluations.size());
  if (rest > 0 && left >= rest) {  // of a first batch that was cut
    next_size_ = rest;
    return;
  }
  if (source_ == DerivativeSource::jacobian) {
    basis_ = leading_directions(jacobian_columns(told, result, MatrixXd(frame_.dimension(), 0)),
                                directions_kept);
    begin_inference(&result);
    return;
  }
  if (source_ == DerivativeSource::vector_jacobian && left > 0) {
    const Index more = next_probes(xi_.cols(), left);
    if (more > 0 && !are_exhausted(likelihood_.whitened_residuals(qois_), still)) {
      next_size_ = more;
      return;
    }
    find_row_space();
    begin_sketch();
    return;
  }
  const Fit fit = fit_values();
  const double error = std::sqrt(fit.left_out.cwiseAbs2().mean());
  const Index more = next_probes(xi_.cols(), left);
  if (error > RegressionVi::explained && more > 0) {
    next_size_ = more;
    return;
  }
  begin_by_values(fit);
}

/// So many runs at the start show all that such runs can show.
Index SubspaceVi::most_probes() const {
  const Index most = source_ == DerivativeSource::vector_jacobian
                         ? std::min(likelihood_.num_residuals(), frame_.dimension())
                         : 2 * (frame_.dimension() + 2);
  return std::min<Index>(most, options_.first_sample_size.value_or(static_cast<int>(most)));
}

/// How many runs at the start follow so many if these do not tell all; 0 for none.
/// @param left  that the limit allows for
Index SubspaceVi::next_probes(Index num_probes, Index left) const {
  switch (source_) {
    case DerivativeSource::jacobian:
      return 0;
    case DerivativeSource::vector_jacobian: {
      const Index more = std::max<Index>(10, num_probes / 4);
      return num_probes < most_probes() && left > more ? more : 0;
    }
    case DerivativeSource::jacobian_vector:
    case DerivativeSource::none:
      break;
  }
  const Index doubled = std::min(num_probes, most_probes() - num_probes);
  return doubled > 0 && left >= 2 * doubled ? doubled : 0;
}

/// The combinations of the QoIs that vary at the start.
void SubspaceVi::find_row_space() {
  const MatrixXd residuals = likelihood_.whitened_residuals(qois_);
  if (xi_.cols() >= std::min(residuals.rows(), frame_.dimension())) {
    row_space_ = MatrixXd::Identity(residuals.rows(), residuals.rows());
    return;
  }
  const MatrixXd centred = (residuals.colwise() - residuals.rowwise().mean()) /
                           std::sqrt(static_cast<double>(std::max<Index>(1, xi_.cols() - 1)));
  row_space_ = leading_directions(centred, directions_kept);
}

/// A run with products at the probe of least misfit that was not tried.
void SubspaceVi::begin_sketch() {
  const VectorXd misfits =
      likelihood_.whitened_residuals(qois_).colwise().squaredNorm().transpose();
  std::vector<Index> order(static_cast<std::size_t>(misfits.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return misfits[a] < misfits[b]; });
  examined_ = xi_.col(order[std::min(static_cast<std::size_t>(num_empty_), order.size() - 1)]);
  purpose_ = Purpose::sketching;
  next_size_ = 1;
}

/// After the run with products.
void SubspaceVi::sketch(const Told& told, const method::BatchResult& result) {
  const bool has_failed = told.good.empty() || result.evaluations.front().derivatives.is_empty();
  num_empty_ = has_failed ? num_empty_ + 1 : 0;
  if (has_failed && num_empty_ < Climb::most_empty && num_evaluations_ < options_.max_evaluations) {
    begin_sketch();
    return;
  }
  if (has_failed) {
    begin_by_values(fit_values());
    return;
  }
  const method::Derivatives& found = result.evaluations.front().derivatives;
  basis_ = leading_directions(rows(found, examined_).transpose(), directions_kept);
  begin_inference(nullptr);
  if (uses_derivatives_) {
    inner_->search_from(basis_.transpose() * examined_, told.qois.col(0),
                        reduced_jacobian(found, examined_));
    stop_ = inner_->stop_reason();
  }
}

/// A linear fit of all runs.
Fit SubspaceVi::fit_values() const {
  const Samples samples{.z = xi_,
                        .weights = VectorXd::Ones(xi_.cols()),
                        .values = likelihood_.whitened_residuals(qois_)};
  return fit_polynomial(samples, Degree::linear);
}

/// With the directions of such a fit.
void SubspaceVi::begin_by_values(const Fit& fit) {
  basis_ = leading_directions(fit.map.slope, directions_kept);
  begin_inference(nullptr);
}

/// With all runs so far, not begun.
/// @param last  the outcomes of the batch before, whose Jacobians are used too
std::unique_ptr<RegressionVi> SubspaceVi::make_inner(const method::BatchResult* last) const {
  const Index r = basis_.cols();
  space::Space space{.names = {},
                     .units = std::vector<std::string>(static_cast<std::size_t>(r)),
                     .prior = space::Prior::diagonal(VectorXd::Zero(r), VectorXd::Ones(r)),
                     .bounds = space::Bounds::none(r)};
  for (Index j = 0; j < r; ++j) {
    space.names.push_back(fmt::format("direction {}", j + 1));
  }
  RegressionViOptions options = options_;
  options.family = FamilyChoice::full;
  options.random_seed =
      core::mix_bits(options_.random_seed + static_cast<std::uint64_t>(inner_round_) + 1);
  options.max_evaluations =
      std::max(1, options_.max_evaluations - static_cast<int>(inner_evaluations_));
  auto inner = std::make_unique<RegressionVi>(
      space, observations_, options, std::nullopt,
      uses_derivatives_ ? DerivativeSource::jacobian : DerivativeSource::none);
  EarlierRuns earlier{.origin = "",
                      .transform = space::Transform(space.bounds, options.transform_map,
                                                    options.transform_interior_margin),
                      .batches = {}};
  for (const Drawn& drawn : drawn_) {
    if (drawn.round >= inner_round_) {
      break;
    }
    const Index known = drawn.at.rows();
    Gaussian proposal{
        .mean = basis_.transpose() * start_mean_,
        .lower =
            (basis_.transpose() * start_std_.cwiseAbs2().asDiagonal() * basis_).llt().matrixL()};
    if (known > 0) {
      proposal = Gaussian::standard(r);
      proposal.mean.head(known) = drawn.proposal.mean;
      proposal.lower.topLeftCorner(known, known) = drawn.proposal.lower;
    }
    EarlierRuns::Batch batch{.stream = -1,
                             .drawn_from = std::move(proposal),
                             .num_drawn = drawn.num_drawn,
                             .x = basis_.transpose() * xi_.middleCols(drawn.first, drawn.size),
                             .qois = qois_.middleCols(drawn.first, drawn.size)};
    if (last != nullptr && uses_derivatives_ && drawn.round == inner_round_ - 1) {
      batch.jacobians = jacobians_of(drawn, *last);
    }
    earlier.batches.push_back(std::move(batch));
  }
  inner->take_over({std::move(earlier)});
  return inner;
}

/// With the directions at hand and all runs so far.
/// @param needs_derivatives  also where values seem to tell all
void SubspaceVi::begin_inference(const method::BatchResult* last, bool needs_derivatives) {
  if (basis_.cols() == 0) {
    basis_ = MatrixXd::Identity(frame_.dimension(), 1);  // the data inform nothing
  }
  ++num_bases_;
  inner_round_ = round_;
  inner_evaluations_ = num_evaluations_;
  purpose_ = Purpose::inference;
  // Where the runs tell all by their values, derivatives are not asked for again.
  uses_derivatives_ = source_ == DerivativeSource::jacobian || needs_derivatives;
  inner_ = make_inner(last);
  const double error = inner_->error_at_start();
  if (error > known && source_ != DerivativeSource::none && !uses_derivatives_) {
    uses_derivatives_ = true;
    inner_ = make_inner(last);
  }
  inner_->begin();
  if (error < (uses_derivatives_ ? known : RegressionVi::explained) &&
      inner_->stage() == Stage::exploring) {
    inner_->go_on_from(inner_->proposal());
  }
  stop_ = inner_->stop_reason();
}

/// Reduced Jacobians of the good runs of a batch; empty where one came without.
std::vector<MatrixXd> SubspaceVi::jacobians_of(const Drawn& drawn,
                                               const method::BatchResult& result) const {
  std::vector<MatrixXd> jacobians(static_cast<std::size_t>(drawn.size));
  Index run = 0;
  for (const method::Evaluation& evaluation : result.evaluations) {
    if (is_usable(evaluation)) {
      if (!evaluation.derivatives.is_empty()) {
        jacobians[static_cast<std::size_t>(run)] =
            reduced_jacobian(evaluation.derivatives, xi_.col(drawn.first + run));
      }
      ++run;
    }
  }
  return jacobians;
}

/// A batch of the inner method.
void SubspaceVi::infer(const Told& told, const method::BatchResult& result, const MatrixXd& xi) {
  const bool was_searching = inner_->stage() == Stage::gauss_newton;
  const Gaussian proposal = inner_->proposal();
  if (!was_searching) {
    keep(told, {.round = round_ - 1,
                .proposal = proposal,
                .num_drawn = static_cast<double>(xi.cols()),
                .at = *pending_at_,
                .first = 0,
                .size = 0});
  }
  pending_at_.reset();
  inner_->tell(reduced(result, told, xi));
  const auto& messages = inner_->diagnostics().messages;
  diagnostics_.messages.insert(diagnostics_.messages.end(), messages.begin(), messages.end());
  stop_ = inner_->stop_reason();
  const bool is_searching = inner_->stage() == Stage::gauss_newton;
  if (!is_searching && stop_ == StopReason::none &&
      (gives_rows() ? enlarge(told, result) : is_time_to_look(told) && enlarge_by_values())) {
    return;
  }
  if (source_ != DerivativeSource::none && !uses_derivatives_ && inner_->has_climbed() &&
      !inner_->is_exact() && num_evaluations_ < options_.max_evaluations) {
    // Here values do not tell all.
    const Gaussian at = inner_->best();
    begin_inference(nullptr, true);
    inner_->go_on_from(at);
    stop_ = inner_->stop_reason();
  }
}

/// Directions that the derivatives of a batch show to be missing join the basis.
bool SubspaceVi::enlarge(const Told& told, const method::BatchResult& result) {
  return enlarge_by(jacobian_columns(told, result, basis_), &result);
}

/// Without derivatives, now and then: runs enough came since the last time.
bool SubspaceVi::is_time_to_look(const Told& told) const {
  const Index step = std::max<Index>(50, frame_.dimension() / 2);
  const Index now = num_drawn_with_basis();
  return inner_->has_climbed() && now / step > (now - told.xi.cols()) / step;
}

/// Good runs since the inner method began.
Index SubspaceVi::num_drawn_with_basis() const {
  Index number = 0;
  for (const Drawn& drawn : drawn_) {
    number += drawn.round >= inner_round_ ? drawn.size : 0;
  }
  return number;
}

/// What the inner fit leaves of the residuals, by the directions that it does not see.
bool SubspaceVi::enlarge_by_values() {
  const Index n = num_drawn_with_basis();
  const MatrixXd xi = xi_.rightCols(n);
  const Samples rest{.z = outside(basis_, xi),
                     .weights = VectorXd::Ones(n),
                     .values = inner_->unexplained(basis_.transpose() * xi, qois_.rightCols(n))};
  return enlarge_by(outside(basis_, fit_polynomial(rest, Degree::linear).map.slope), nullptr);
}

/// @param columns  outside the basis; their Gram matrix is the mean of J^T J there
/// @param last     as in `make_inner`
bool SubspaceVi::enlarge_by(const MatrixXd& columns, const method::BatchResult* last) {
  const MatrixXd extra = leading_directions(columns, directions_missing);
  if (extra.cols() == 0 || !inner_->has_best()) {
    return false;
  }
  if (num_bases_ >= (gives_rows() ? most_bases : most_bases_by_values)) {
    diagnostics_.messages.push_back(fmt::format(
        "{} more directions are informed here; they are left out, as {} times others joined",
        extra.cols(), num_bases_ - 1));
    return false;
  }
  Gaussian at = Gaussian::standard(basis_.cols() + extra.cols());
  at.mean.head(basis_.cols()) = inner_->best().mean;
  at.lower.topLeftCorner(basis_.cols(), basis_.cols()) = inner_->best().lower;
  basis_.conservativeResize(Eigen::NoChange, at.dimension());
  basis_.rightCols(extra.cols()) = extra;
  diagnostics_.messages.push_back(
      fmt::format("{} more directions are informed here: {} in all", extra.cols(), basis_.cols()));
  begin_inference(last);
  inner_->go_on_from(at);
  stop_ = inner_->stop_reason();
  return true;
}

}  // namespace invar::regression
