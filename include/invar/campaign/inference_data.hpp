#pragma once

#include <string>
#include <vector>

#include "invar/options/node.hpp"
#include "invar/store/netcdf.hpp"
#include "invar/store/view.hpp"

namespace invar::campaign {

/// A posterior for the tools that read ArviZ's InferenceData.
struct InferenceData {
  store::NetcdfFile file;
  std::vector<std::string> notes;  // what had to be left out, and why
};

/// Lays a posterior out as ArviZ's InferenceData: one chain of draws, a variable per parameter.
///
/// `posterior` has the method's draws where there are some, else its runs of the model, resampled
/// by their weights. `posterior_predictive` and `log_likelihood` are of the runs, resampled to as
/// many draws; `prior` as many draws of the prior; `weighted_runs` the runs with their weights.
/// Random numbers are a function of the study's seed.
///
/// Source: ArviZ, InferenceData schema specification 0.5. Deviation: `weighted_runs` is ours.
/// MPI:    Local.
/// Cost:   O((d + m) draws), O(m^3) with correlated noise.
///
/// @param stored      as `store::read_view` gives it
/// @param study       the study of that file, parsed; for how runs were scored
/// @param created_at  the time, as text
/// @throws Error(data)  when the study's regularization is no number, weights are no weights, or
///                      there are neither draws nor runs
InferenceData inference_data(const store::StoredView& stored, const options::Node& study,
                             const std::string& created_at);

}  // namespace invar::campaign
