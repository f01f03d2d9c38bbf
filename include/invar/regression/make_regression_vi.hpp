#pragma once

#include <memory>
#include <optional>

#include "invar/core/capabilities.hpp"
#include "invar/regression/regression_method.hpp"
#include "invar/regression/regression_vi.hpp"

namespace invar::regression {

/// `method: regression_vi` for a problem: in all coordinates (`RegressionVi`), or in the directions
/// that the data inform (`SubspaceVi`): with the family low_rank, which is taken by itself beyond
/// 500 parameters, and where adjoint products are all that the model gives and there are many QoIs.
///
/// @param can  what the model gives
/// @throws Error(config)  as the two methods
std::unique_ptr<RegressionMethod> make_regression_vi(const space::Space& space,
                                                     const space::Observations& observations,
                                                     const RegressionViOptions& options,
                                                     const std::optional<Start>& start,
                                                     const core::Capabilities& can);

/// What the model of a campaign gave, by a saved state of the method.
core::Capabilities capabilities_of(const method::State& state);

}  // namespace invar::regression
