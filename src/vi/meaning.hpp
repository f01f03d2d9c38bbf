#pragma once

#include "invar/core/error.hpp"
#include "invar/method/state.hpp"
#include "invar/space/space.hpp"
#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// Writes what gives optimizer coordinates their meaning: family, bounds and their treatment.
void write_meaning(method::State& state, const space::Space& space, const RunViOptions& options);

/// @throws Error(kind)  naming what differs between the state and this study
/// @throws Error(data)  when the state is not one of `run_vi`
void require_same_meaning(const method::State& state, const space::Space& space,
                          const RunViOptions& options, ErrorKind kind);

}  // namespace invar::vi
