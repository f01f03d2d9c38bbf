#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include "invar/method/evaluation.hpp"

namespace invar::store {

/// Jacobians of evaluations, in the order of their ids.
///
/// Shapes: as many values as ids, m x d each: row i has the derivatives of QoI i with respect to
///         physical parameters.
struct JacobianTable {
  std::vector<std::int64_t> ids;
  std::vector<Eigen::MatrixXd> values;

  [[nodiscard]] std::size_t size() const { return ids.size(); }
};

/// Products with Jacobians of evaluations; an evaluation may have several, in the order in which
/// they were wanted.
///
/// Shapes: of J v: factors d, products m; of w^T J: factors m, products d.
struct ProductTable {
  std::vector<std::int64_t> ids;
  std::vector<Eigen::VectorXd> factors;   // v or w
  std::vector<Eigen::VectorXd> products;  // J v or J^T w

  [[nodiscard]] std::size_t size() const { return ids.size(); }
};

/// All derivatives that were asked for.
struct DerivativeTables {
  JacobianTable jacobians;
  ProductTable jacobian_vectors;
  ProductTable vector_jacobians;

  /// Adds those of later evaluations.
  void append(const DerivativeTables& more);
};

/// Derivatives of one evaluation, and what was wanted so.
struct DerivativesOf {
  method::WantedDerivatives wanted;
  method::Derivatives found;
};

/// Those of the evaluation with this id; empty where it has none.
DerivativesOf derivatives_of(const DerivativeTables& tables, std::int64_t id);

}  // namespace invar::store
