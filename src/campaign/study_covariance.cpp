#include <fmt/format.h>

#include "campaign/study_blocks.hpp"

namespace invar::campaign {
using options::Cursor;
using options::Node;

std::optional<Eigen::VectorXd> read_std(const Cursor& at, Eigen::Index size, ErrorKind kind,
                                        Node& resolved) {
  const auto array = options::read_array(at, {.kind = kind});
  if (!array) {
    return std::nullopt;
  }
  resolved = array->resolved;
  auto deviations = as_vector(at, *array, size, kind);
  for (Eigen::Index i = 0; deviations && i < deviations->size(); ++i) {
    if ((*deviations)[i] <= 0) {
      at.problem(fmt::format("expected positive standard deviations, found {} at position {}",
                             (*deviations)[i], i + 1),
                 kind);
      return std::nullopt;
    }
  }
  return deviations;
}

std::optional<Covariance> read_covariance(const Cursor& at, Eigen::Index size, ErrorKind kind,
                                          Node& resolved) {
  if (at.present() && at.node->kind == Node::Kind::map && at.child("std").present()) {
    at.refuse_unknown_keys({"std"});
    resolved = *at.node;
    const auto deviations = read_std(at.child("std"), size, kind, *resolved.find("std"));
    return deviations
               ? std::optional(Covariance{.variances = deviations->cwiseAbs2(), .matrix = {}})
               : std::nullopt;
  }
  const auto array = options::read_array(at, {.kind = kind});
  if (!array) {
    return std::nullopt;
  }
  resolved = array->resolved;
  const Eigen::MatrixXd& values = array->values;
  const bool is_square = values.rows() == values.cols() && values.rows() > 1;
  if (array->is_scalar || (!is_square && (values.rows() == 1 || values.cols() == 1))) {
    const auto variances = as_vector(at, *array, size, kind);
    return variances ? std::optional(Covariance{.variances = *variances, .matrix = {}})
                     : std::nullopt;
  }
  if (!is_square || (size >= 0 && values.rows() != size)) {
    at.problem(size >= 0 ? fmt::format("expected a number, {0} variances or a matrix of {0} x {0}, "
                                       "found {1} x {2}",
                                       size, values.rows(), values.cols())
                         : fmt::format("expected a square matrix, found {} x {}", values.rows(),
                                       values.cols()),
               kind);
    return std::nullopt;
  }
  return Covariance{.variances = {}, .matrix = values};
}

}  // namespace invar::campaign
