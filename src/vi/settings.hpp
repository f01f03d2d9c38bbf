#pragma once

#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// The numbers that both optimizers have, with the defaults of the chosen one.
struct OptimizerRules {
  double gradient_norm_tolerance = 0.0;
  int max_iterations = 0;
  double max_log_std_update = 0.0;
  double min_variational_std = 0.0;
  double max_variational_std = 0.0;
};

OptimizerRules optimizer_rules(const RunViOptions& options);

/// The config of `optimizer_method: gradient` or its defaults.
VIGradientOptimizerConfig gradient_config(const RunViOptions& options);

/// The config of `optimizer_method: newton` or its defaults.
VINewtonOptimizerConfig newton_config(const RunViOptions& options);

/// The config of the chosen line search; what `legacy` does not have is left at its default.
VIStochasticNonmonotoneLineSearchConfig line_search_rules(const RunViOptions& options);

}  // namespace invar::vi
