#pragma once

#include <string>

#include <Eigen/Core>

#include "invar/core/capabilities.hpp"
#include "invar/method/evaluation.hpp"

namespace invar::regression {

/// Which derivatives of the model may be asked for.
enum class DerivativeUse { automatic, products, none };

/// What a method learns derivatives from.
enum class DerivativeSource {
  none,
  jacobian,         // J, whole
  vector_jacobian,  // w^T J: adjoint runs
  jacobian_vector,  // J v: tangent runs
};

/// The derivatives to ask for: whole Jacobians where the model gives them and `use` lets them,
/// else products, from the left first: these see all parameters.
DerivativeSource derivative_source(const core::Capabilities& can, DerivativeUse use);

/// The Jacobian that a run gave, whole or by products with the unit vectors; empty where none came.
/// Shapes: m QoIs, d parameters.
Eigen::MatrixXd whole_jacobian(const method::Derivatives& found, Eigen::Index num_qois,
                               Eigen::Index num_parameters);

/// "none", "jacobian", ...
const char* derivative_source_name(DerivativeSource source);
/// @throws Error(data)  when there is none of that name
DerivativeSource derivative_source_called(const std::string& name);

}  // namespace invar::regression
