#pragma once

#include <string>

#include "invar/core/capabilities.hpp"

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

/// "none", "jacobian", ...
const char* derivative_source_name(DerivativeSource source);
/// @throws Error(data)  when there is none of that name
DerivativeSource derivative_source_called(const std::string& name);

}  // namespace invar::regression
