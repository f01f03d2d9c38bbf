#pragma once

namespace invar::core {

/// Derivatives of the QoIs that a model can give, with respect to physical parameters.
struct Capabilities {
  bool jacobian = false;         // J
  bool jacobian_vector = false;  // J v
  bool vector_jacobian = false;  // w^T J
};

}  // namespace invar::core
