#include "campaign/study_blocks.hpp"

namespace invar::campaign {
namespace {

using options::Cursor;
using options::Node;
using options::Table;

/// Rows are records: the first row's values, the second row's, ...
Node read_values(const Cursor& at, ObservationsBlock& target) {
  const auto array = read_array(at, {.kind = ErrorKind::data});
  if (!array) {
    return {};
  }
  target.values = Eigen::MatrixXd(array->values.transpose()).reshaped();
  return array->resolved;
}

Node read_noise(const Cursor& at, ObservationsBlock& target) {
  Node resolved;
  const auto read =
      read_covariance(at, target.values ? target.values->size() : -1, ErrorKind::data, resolved);
  if (!read) {
    return resolved;
  }
  try {
    target.noise = read->matrix.size() > 0 ? space::Noise::correlated(read->matrix)
                                           : space::Noise::independent(read->variances);
  } catch (const Error& error) {
    at.problem(error.what(), error.kind());
  }
  return resolved;
}

}  // namespace

const Table<ObservationsBlock>& observations_table() {
  static const Table<ObservationsBlock> table = [] {
    auto values = options::custom<ObservationsBlock>(
        "values", "numbers or file",
        "the measurements in the order of the model's QoIs: a list, "
        "{file: obs.csv, columns: [a, b], transform: log} row by row, or "
        "{file: obs.h5, dataset: /y}",
        read_values);
    values.allowed = "finite";
    values.is_required = true;
    auto covariance = options::custom<ObservationsBlock>(
        "covariance", "numbers or file",
        "of the measurement noise: a number (the variance of all), one variance per value, a "
        "matrix, a file with either, or {std: ...} for standard deviations",
        read_noise);
    covariance.unit = "observations squared";
    covariance.allowed = "symmetric positive";
    covariance.is_required = true;
    return Table<ObservationsBlock>({std::move(values), std::move(covariance)});
  }();
  return table;
}

}  // namespace invar::campaign
