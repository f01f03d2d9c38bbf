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
  static const Table<ObservationsBlock> table({
      {.key = "values",
       .type = "numbers or file",
       .help = "the measurements in the order of the model's QoIs: a list, "
               "{file: obs.csv, columns: [a, b], transform: log} row by row, or "
               "{file: obs.h5, dataset: /y}",
       .allowed = "finite",
       .is_required = true,
       .read = read_values},
      {.key = "covariance",
       .type = "numbers or file",
       .help = "of the measurement noise: a number (the variance of all), one variance per value, "
               "a matrix, a file with either, or {std: ...} for standard deviations",
       .unit = "observations squared",
       .allowed = "symmetric positive",
       .is_required = true,
       .read = read_noise},
  });
  return table;
}

}  // namespace invar::campaign
