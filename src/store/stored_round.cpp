#include "store/stored_round.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"

namespace invar::store {
namespace {

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

bool same_number(double a, double b) {
  return same_bits(a, b) || (std::isnan(a) && std::isnan(b));
}

std::optional<std::string> first_difference(const std::string& name, const Eigen::VectorXd& stored,
                                            const Eigen::VectorXd& replayed) {
  if (replayed.size() == 0 && stored.array().isNaN().all()) {
    return std::nullopt;  // history fills what a round does not have with NaN
  }
  if (stored.size() != replayed.size()) {
    return fmt::format("`{}` has {} entries, not {}", name, replayed.size(), stored.size());
  }
  for (Eigen::Index i = 0; i < stored.size(); ++i) {
    if (!same_number(stored(i), replayed(i))) {
      return fmt::format("`{}[{}]` is {:.17g}, not {:.17g}", name, i, replayed(i), stored(i));
    }
  }
  return std::nullopt;
}

/// The scalars by name; NaN is what history has where there is none.
std::map<std::string, double> by_name(const std::vector<std::pair<std::string, double>>& scalars) {
  return {scalars.begin(), scalars.end()};
}

double value_or_nan(const std::map<std::string, double>& scalars, const std::string& name) {
  const auto found = scalars.find(name);
  return found == scalars.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
}

}  // namespace

RoundRow make_round_row(const method::RoundDiagnostics& diagnostics, double seconds) {
  RoundRow row{.scalars = diagnostics.scalars,
               .mean = diagnostics.mean,
               .std = diagnostics.std,
               .proposal_mean = diagnostics.proposal_mean,
               .proposal_std = diagnostics.proposal_std,
               .messages = {},
               .seconds = seconds};
  for (const std::string& message : diagnostics.messages) {
    row.messages += (row.messages.empty() ? "" : "\n") + message;
  }
  return row;
}

std::optional<std::string> first_difference(const RoundRow& stored, const RoundRow& replayed) {
  const auto before = by_name(stored.scalars);
  const auto now = by_name(replayed.scalars);
  auto all = before;
  all.insert(now.begin(), now.end());
  for (const auto& entry : all) {
    const double was = value_or_nan(before, entry.first);
    const double is = value_or_nan(now, entry.first);
    if (!same_number(was, is)) {
      return fmt::format("`{}` is {:.17g}, not {:.17g}", entry.first, is, was);
    }
  }
  std::optional<std::string> difference;
  const auto look = [&](const char* name, const Eigen::VectorXd RoundRow::*part) {
    difference = difference ? difference : first_difference(name, stored.*part, replayed.*part);
  };
  look("mean", &RoundRow::mean);
  look("std", &RoundRow::std);
  look("proposal_mean", &RoundRow::proposal_mean);
  look("proposal_std", &RoundRow::proposal_std);
  return difference;
}

StoredRound::StoredRound(method::Batch batch)
    : batch_(std::move(batch)),
      evaluations_(static_cast<std::size_t>(num_samples())),
      finished_(static_cast<std::size_t>(num_samples()), std::numeric_limits<double>::quiet_NaN()) {
}

bool StoredRound::has(Eigen::Index sample) const {
  return !std::isnan(finished(sample));
}

bool StoredRound::fits(const method::Evaluation& evaluation) const {
  return evaluation.qois.size() == 0 || qois_.size() == 0 || evaluation.qois.size() == qois_.rows();
}

void StoredRound::set(Eigen::Index sample, const method::Evaluation& evaluation, double finished) {
  INVAR_EXPECTS(sample >= 0 && sample < num_samples() && !has(sample) && fits(evaluation));
  if (has_qois(evaluation.status) && evaluation.qois.size() > 0) {
    if (qois_.size() == 0) {
      qois_.setConstant(evaluation.qois.size(), num_samples(),
                        std::numeric_limits<double>::quiet_NaN());
    }
    qois_.col(sample) = evaluation.qois;
  }
  method::Evaluation& kept = evaluations_[static_cast<std::size_t>(sample)];
  kept.status = evaluation.status;
  kept.message = evaluation.message;
  if (evaluation.status == method::Status::ok) {
    kept.derivatives = evaluation.derivatives;
  }
  kept.wall_seconds = evaluation.wall_seconds;
  kept.group = evaluation.group;
  kept.attempts = evaluation.attempts;
  kept.host = evaluation.host;
  kept.ran_ahead = evaluation.ran_ahead;
  num_ran_ahead_ += evaluation.ran_ahead ? 1 : 0;
  finished_[static_cast<std::size_t>(sample)] = finished;
  ++num_recorded_;
  num_failed_ += is_failure(evaluation.status) ? 1 : 0;
}

void StoredRound::forget(Eigen::Index sample) {
  INVAR_EXPECTS(has(sample));
  if (qois_.size() > 0) {
    qois_.col(sample).setConstant(std::numeric_limits<double>::quiet_NaN());
  }
  evaluations_[static_cast<std::size_t>(sample)].derivatives = {};
  finished_[static_cast<std::size_t>(sample)] = std::numeric_limits<double>::quiet_NaN();
  --num_recorded_;
  num_failed_ -= is_failure(facts(sample).status) ? 1 : 0;
  num_ran_ahead_ -= facts(sample).ran_ahead ? 1 : 0;
}

method::Evaluation StoredRound::evaluation(Eigen::Index sample) const {
  method::Evaluation evaluation = facts(sample);
  if (has_qois(evaluation.status) && qois_.size() > 0) {
    evaluation.qois = qois_.col(sample);
  }
  return evaluation;
}

std::uint64_t batch_hash(const method::Batch& batch) {
  // Tables do not keep how many parameters no points have.
  const Eigen::Index num_rows = batch.points.size() > 0 ? batch.points.rows() : 0;
  std::uint64_t hash = core::mix_bits(static_cast<std::uint64_t>(num_rows) + 1);
  for (Eigen::Index i = 0; i < batch.points.size(); ++i) {
    hash = core::mix_bits(hash ^ std::bit_cast<std::uint64_t>(batch.points.data()[i])) + 1;
  }
  return hash;
}

bool is_round_of(const StoredRound& round, const method::Batch& batch) {
  bool is_same =
      batch_hash(round.batch()) == batch_hash(batch) && round.batch().first_id == batch.first_id;
  for (Eigen::Index sample = 0; is_same && sample < round.num_samples(); ++sample) {
    is_same = !round.has(sample) || round.facts(sample).status != method::Status::ok ||
              method::is_same(round.batch().wanted_of(sample), batch.wanted_of(sample));
  }
  return is_same;
}

bool is_failure(method::Status status) {
  return status != method::Status::ok && status != method::Status::cancelled;
}

bool can_be_retried(method::Status status) {
  using method::Status;
  return status == Status::timeout || status == Status::crashed || status == Status::transport ||
         status == Status::cancelled;
}

bool has_qois(method::Status status) {
  return status == method::Status::ok || status == method::Status::non_finite;
}

}  // namespace invar::store
