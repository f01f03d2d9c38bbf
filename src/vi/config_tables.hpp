#pragma once

#include "invar/options/table.hpp"
#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// The largest number of samples, iterations and retries.
inline constexpr double max_count = 1e9;

/// The keys of `optimizer_config` and `line_search_config`, a table per method.
options::Table<VIGradientOptimizerConfig> gradient_table();
options::Table<VINewtonOptimizerConfig> newton_table();
options::Table<VILegacyLineSearchConfig> legacy_table();
options::Table<VIStochasticNonmonotoneLineSearchConfig> stochastic_table();

}  // namespace invar::vi
