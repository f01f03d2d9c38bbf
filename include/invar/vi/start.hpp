#pragma once

#include <string>
#include <variant>
#include <vector>

#include <Eigen/Core>

#include "invar/method/state.hpp"
#include "invar/space/prior.hpp"
#include "invar/vi/family.hpp"
#include "invar/vi/target.hpp"

namespace invar::vi {

/// A start in optimizer coordinates, such as another campaign's state.
struct OptimizerStart {
  Coordinates coordinates;
  Eigen::MatrixXd correlation_cholesky;  // empty for independent components
};

/// Where the method starts: a Gaussian in physical coordinates, or optimizer coordinates.
using Start = std::variant<space::Prior, OptimizerStart>;

/// The first member of the family.
struct InitialState {
  Family family;
  Coordinates coordinates;
  std::vector<std::string> warnings;
};

/// Turns a start into the first state.
///
/// A physical Gaussian (m, C) is moved through T by the delta method: mean = T^-1(m),
/// covariance = J^-1 C J^-1 at that mean. Standard deviations are cut to the limits and widened to
/// the least physical spread; the correlation is factored with the jitter that it takes.
///
/// Source: run_vi of rom-tools, section 6. Deviation: an error where no jitter is enough; a warning
///         where more than the first, 1e-12, was needed.
/// MPI:    Local.
///
/// @throws Error(config)  when the start has another family or dimension than the prior, or a mean
///                        outside the bounds
/// @throws Error(data)    when the correlation is not positive definite
InitialState initial_state(const Start& start, const space::Space& space, const Target& target,
                           const StdLimits& limits);

/// The start that continues from a state of `RunVi` (or from `Posterior::optimizer`) in another
/// study.
///
/// MPI: Local.
///
/// @throws Error(data)    when the state is not one of `run_vi`
/// @throws Error(config)  when its coordinates have another meaning here: family, dimension,
///                        bounds or their treatment differ
OptimizerStart branch_start(const method::State& state, const space::Space& space,
                            const RunViOptions& options);

}  // namespace invar::vi
