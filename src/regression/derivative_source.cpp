#include "invar/regression/derivative_source.hpp"

#include <array>

#include "invar/method/state_reader.hpp"

namespace invar::regression {
namespace {

using core::Capabilities;

constexpr std::array all{DerivativeSource::none, DerivativeSource::jacobian,
                         DerivativeSource::vector_jacobian, DerivativeSource::jacobian_vector};

}  // namespace

DerivativeSource derivative_source(const Capabilities& can, DerivativeUse use) {
  if (use == DerivativeUse::none) {
    return DerivativeSource::none;
  }
  if (can.jacobian && use == DerivativeUse::automatic) {
    return DerivativeSource::jacobian;
  }
  return can.vector_jacobian   ? DerivativeSource::vector_jacobian
         : can.jacobian_vector ? DerivativeSource::jacobian_vector
                               : DerivativeSource::none;
}

Eigen::MatrixXd whole_jacobian(const method::Derivatives& found, Eigen::Index num_qois,
                               Eigen::Index num_parameters) {
  if (found.vector_jacobians.cols() == num_qois) {
    return found.vector_jacobians.transpose();
  }
  return found.jacobian_vectors.cols() == num_parameters ? found.jacobian_vectors : found.jacobian;
}

const char* derivative_source_name(DerivativeSource source) {
  switch (source) {
    case DerivativeSource::jacobian:
      return "jacobian";
    case DerivativeSource::vector_jacobian:
      return "vector_jacobian";
    case DerivativeSource::jacobian_vector:
      return "jacobian_vector";
    case DerivativeSource::none:
      break;
  }
  return "none";
}

DerivativeSource derivative_source_called(const std::string& name) {
  for (const DerivativeSource source : all) {
    if (name == derivative_source_name(source)) {
      return source;
    }
  }
  method::StateReader::require(false, "derivatives",
                               "none, jacobian, vector_jacobian or jacobian_vector", name);
  return DerivativeSource::none;
}

}  // namespace invar::regression
