#include "store/segment.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "invar/core/error.hpp"

namespace invar::store {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Eigen::Index index(std::size_t i) {
  return static_cast<Eigen::Index>(i);
}

/// The largest of a size over all rounds.
template <class Size>
Eigen::Index largest(std::span<const StoredRound> rounds, Size size) {
  Eigen::Index result = 0;
  for (const StoredRound& round : rounds) {
    result = std::max<Eigen::Index>(result, size(round));
  }
  return result;
}

/// Appends what is no matrix.
void append(RunColumns& columns, const method::Evaluation& evaluation, double finished) {
  columns.status.push_back(static_cast<std::uint8_t>(evaluation.status));
  columns.message.push_back(evaluation.message);
  columns.host.push_back(evaluation.host);
  columns.wall_seconds.push_back(evaluation.wall_seconds);
  columns.finished.push_back(finished);
  columns.started.push_back(finished - evaluation.wall_seconds);
  columns.group.push_back(evaluation.group);
}

void append(EvaluationColumns& columns, const StoredRound& round) {
  for (Eigen::Index sample = 0; sample < round.num_samples(); ++sample) {
    if (!round.has(sample)) {
      continue;
    }
    const Eigen::Index at = index(columns.size());
    const method::Evaluation& evaluation = round.facts(sample);
    columns.id.push_back(round.batch().first_id + sample);
    columns.round.push_back(round.round());
    columns.sample.push_back(sample);
    columns.parameters.col(at).head(round.batch().points.rows()) = round.batch().points.col(sample);
    if (round.qois().size() > 0) {
      columns.qois.col(at).head(round.qois().rows()) = round.qois().col(sample);
    }
    append(columns, evaluation, round.finished(sample));
    columns.attempts.push_back(evaluation.attempts);
    columns.ran_ahead.push_back(evaluation.ran_ahead ? 1 : 0);
  }
}

void append(RoundColumns& columns, const StoredRound& round) {
  const RoundRow& row = *round.row;
  const std::size_t at = columns.size();
  columns.round.push_back(round.round());
  columns.first_id.push_back(round.batch().first_id);
  columns.num_samples.push_back(round.num_samples());
  for (const auto& [name, value] : row.scalars) {
    auto& column = columns.scalars[name];
    column.resize(at, nan);
    column.push_back(value);
  }
  for (auto& [name, column] : columns.scalars) {
    column.resize(at + 1, nan);
  }
  if (row.mean.size() > 0) {
    columns.mean.col(index(at)).head(row.mean.size()) = row.mean;
    columns.std.col(index(at)).head(row.std.size()) = row.std;
  }
  if (row.proposal_mean.size() > 0) {
    columns.proposal_mean.col(index(at)) = row.proposal_mean;
    columns.proposal_std.col(index(at)) = row.proposal_std;
  }
  columns.messages.push_back(row.messages);
  columns.seconds.push_back(row.seconds);
}

void append(ProductTable& table, std::int64_t id, const Eigen::MatrixXd& factors,
            const Eigen::MatrixXd& products) {
  for (Eigen::Index i = 0; i < products.cols(); ++i) {
    table.ids.push_back(id);
    table.factors.emplace_back(factors.col(i));
    table.products.emplace_back(products.col(i));
  }
}

void append(DerivativeTables& tables, const StoredRound& round) {
  for (Eigen::Index sample = 0; sample < round.num_samples(); ++sample) {
    const method::Derivatives& found = round.facts(sample).derivatives;
    if (!round.has(sample) || found.is_empty()) {
      continue;
    }
    const std::int64_t id = round.batch().first_id + sample;
    const method::WantedDerivatives& wanted = round.batch().wanted_of(sample);
    if (found.jacobian.size() > 0) {
      tables.jacobians.ids.push_back(id);
      tables.jacobians.values.push_back(found.jacobian);
    }
    append(tables.jacobian_vectors, id, wanted.directions, found.jacobian_vectors);
    append(tables.vector_jacobians, id, wanted.weights, found.vector_jacobians);
  }
}

method::Evaluation evaluation_at(const EvaluationColumns& columns, std::size_t i) {
  method::Evaluation evaluation;
  evaluation.status = static_cast<method::Status>(columns.status[i]);
  if (has_qois(evaluation.status)) {
    evaluation.qois = columns.qois.col(index(i));
  }
  evaluation.message = columns.message[i];
  evaluation.wall_seconds = columns.wall_seconds[i];
  evaluation.group = columns.group[i];
  evaluation.attempts = columns.attempts[i];
  evaluation.host = columns.host[i];
  evaluation.ran_ahead = columns.ran_ahead[i] != 0;
  return evaluation;
}

RoundRow row_at(const RoundColumns& columns, std::size_t i) {
  RoundRow row;
  for (const auto& [name, column] : columns.scalars) {
    row.scalars.emplace_back(name, column[i]);
  }
  row.mean = columns.mean.col(index(i));
  row.std = columns.std.col(index(i));
  row.proposal_mean = columns.proposal_mean.col(index(i));
  row.proposal_std = columns.proposal_std.col(index(i));
  row.messages = columns.messages[i];
  row.seconds = columns.seconds[i];
  return row;
}

}  // namespace

Segment gather(std::span<const StoredRound> rounds) {
  std::int64_t num_evaluations = 0;
  std::int64_t num_told = 0;
  for (const StoredRound& round : rounds) {
    num_evaluations += round.num_recorded();
    num_told += round.row ? 1 : 0;
  }
  Segment segment;
  segment.evaluations.parameters.resize(
      largest(rounds, [](const StoredRound& r) { return r.batch().points.rows(); }),
      num_evaluations);
  segment.evaluations.qois.setConstant(
      largest(rounds, [](const StoredRound& r) { return r.qois().rows(); }), num_evaluations, nan);
  const Eigen::Index dimension =
      largest(rounds, [](const StoredRound& r) { return r.row ? r.row->mean.size() : 0; });
  segment.rounds.mean.setConstant(dimension, num_told, nan);
  segment.rounds.std.setConstant(dimension, num_told, nan);
  const Eigen::Index proposed =
      largest(rounds, [](const StoredRound& r) { return r.row ? r.row->proposal_mean.size() : 0; });
  segment.rounds.proposal_mean.setConstant(proposed, num_told, nan);
  segment.rounds.proposal_std.setConstant(proposed, num_told, nan);
  for (const StoredRound& round : rounds) {
    append(segment.evaluations, round);
    append(segment.derivatives, round);
    if (round.row) {
      append(segment.rounds, round);
    }
  }
  return segment;
}

RunColumns gather(std::span<const SpeculativeRun> runs) {
  Eigen::Index num_parameters = 0;
  Eigen::Index num_qois = 0;
  for (const SpeculativeRun& run : runs) {
    num_parameters = std::max(num_parameters, run.question.point.size());
    num_qois = std::max(num_qois, run.evaluation.qois.size());
  }
  RunColumns columns;
  columns.parameters.setConstant(num_parameters, std::ssize(runs), nan);
  columns.qois.setConstant(num_qois, std::ssize(runs), nan);
  for (const SpeculativeRun& run : runs) {
    const Eigen::Index at = index(columns.size());
    columns.id.push_back(run.number);
    columns.round.push_back(run.round);
    columns.parameters.col(at).head(run.question.point.size()) = run.question.point;
    columns.qois.col(at).head(run.evaluation.qois.size()) = run.evaluation.qois;
    append(columns, run.evaluation, run.finished);
  }
  return columns;
}

std::vector<StoredRound> split(const Segment& segment) {
  const EvaluationColumns& evaluations = segment.evaluations;
  std::vector<StoredRound> result;
  const bool has_derivatives = segment.derivatives.jacobians.size() > 0 ||
                               segment.derivatives.jacobian_vectors.size() > 0 ||
                               segment.derivatives.vector_jacobians.size() > 0;
  std::size_t begin = 0;
  for (std::size_t r = 0; r < segment.rounds.size(); ++r) {
    const std::int64_t num_samples = segment.rounds.num_samples[r];
    if (num_samples < 0 || static_cast<std::size_t>(num_samples) > evaluations.size() - begin) {
      throw Error(ErrorKind::data, "its rounds have more evaluations than there are");
    }
    method::Batch batch{.round = segment.rounds.round[r],
                        .first_id = segment.rounds.first_id[r],
                        .points = evaluations.parameters.middleCols(index(begin), num_samples)};
    std::vector<method::Derivatives> derivatives(static_cast<std::size_t>(num_samples));
    for (std::size_t i = 0; has_derivatives && i < derivatives.size(); ++i) {
      auto [wanted, found] =
          derivatives_of(segment.derivatives, batch.first_id + static_cast<std::int64_t>(i));
      batch.wanted.push_back(std::move(wanted));
      derivatives[i] = std::move(found);
    }
    StoredRound round(std::move(batch));
    for (std::int64_t sample = 0; sample < num_samples; ++sample) {
      const std::size_t i = begin + static_cast<std::size_t>(sample);
      if (evaluations.round[i] != round.round() || evaluations.sample[i] != sample) {
        throw Error(ErrorKind::data, "its evaluations are not those of its rounds");
      }
      method::Evaluation evaluation = evaluation_at(evaluations, i);
      evaluation.derivatives = std::move(derivatives[static_cast<std::size_t>(sample)]);
      round.set(sample, evaluation, evaluations.finished[i]);
    }
    round.row = row_at(segment.rounds, r);
    result.push_back(std::move(round));
    begin += static_cast<std::size_t>(num_samples);
  }
  return result;
}

bool is_reserved_round_column(const std::string& name) {
  static constexpr std::array<std::string_view, 9> reserved = {
      "round",         "first_id",     "num_samples", "mean",   "std",
      "proposal_mean", "proposal_std", "messages",    "seconds"};
  return std::find(reserved.begin(), reserved.end(), name) != reserved.end();
}

}  // namespace invar::store
