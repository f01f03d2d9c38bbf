#pragma once

#include "invar/options/table.hpp"
#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// The largest number of samples, iterations and retries.
inline constexpr double max_count = 1e9;

// Open at infinity: finite numbers only.
inline options::Range finite_positive() {
  return {.lower = 0.0, .is_lower_open = true, .is_upper_open = true};
}
inline options::Range finite_from(double lower) {
  return {.lower = lower, .is_upper_open = true};
}

/// The keys of `optimizer_config` and `line_search_config`, a table per method.
options::Table<VIGradientOptimizerConfig> gradient_table();
options::Table<VINewtonOptimizerConfig> newton_table();
options::Table<VILegacyLineSearchConfig> legacy_table();
options::Table<VIStochasticNonmonotoneLineSearchConfig> stochastic_table();

}  // namespace invar::vi
