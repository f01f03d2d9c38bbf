#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "invar/core/capabilities.hpp"
#include "invar/regression/regression_method.hpp"
#include "invar/regression/regression_vi.hpp"

namespace invar::regression {

/// What a method begins with.
struct Beginning {
  std::optional<Start> start = {};       // where the first runs are drawn; none: the prior
  std::vector<EarlierRuns> reused = {};  // runs of earlier campaigns
  core::Capabilities can = {};           // what the model gives
};

/// `method: regression_vi` for a problem: in all coordinates (`RegressionVi`), or in the directions
/// that the data inform (`SubspaceVi`): with the family low_rank, which is taken by itself beyond
/// 500 parameters, and where adjoint products are all that the model gives, there are more than 16
/// parameters and QoIs, and no earlier runs.
///
/// @throws Error(config)  as the two methods; where runs are reused with few directions
std::unique_ptr<RegressionMethod> make_regression_vi(const space::Space& space,
                                                     const space::Observations& observations,
                                                     const RegressionViOptions& options,
                                                     Beginning beginning);

/// Whether a family is low_rank for a space, whatever the model gives and although there are
/// earlier runs.
bool takes_low_rank(const space::Space& space, FamilyChoice family);

inline constexpr const char* no_reuse_with_low_rank =
    "earlier runs are of no use to family low_rank, which knows points in the directions alone "
    "that "
    "it finds itself; leave `reuse` out, or set inference.family to full";

/// What the model of a campaign gave, by a saved state of the method.
core::Capabilities capabilities_of(const method::State& state);

}  // namespace invar::regression
