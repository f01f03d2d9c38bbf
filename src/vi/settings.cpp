#include "vi/settings.hpp"

#include <variant>

namespace invar::vi {
namespace {

template <class Config, class Variant>
Config config_or_default(const Variant& variant) {
  const Config* config = std::get_if<Config>(&variant);
  return config != nullptr ? *config : Config{};
}

template <class Config>
OptimizerRules rules_of(const Config& config) {
  return {.gradient_norm_tolerance = config.gradient_norm_tolerance,
          .max_iterations = config.max_iterations,
          .max_log_std_update = config.max_log_std_update,
          .min_variational_std = config.min_variational_std,
          .max_variational_std = config.max_variational_std};
}

}  // namespace

VIGradientOptimizerConfig gradient_config(const RunViOptions& options) {
  return config_or_default<VIGradientOptimizerConfig>(options.optimizer_config);
}

VINewtonOptimizerConfig newton_config(const RunViOptions& options) {
  return config_or_default<VINewtonOptimizerConfig>(options.optimizer_config);
}

OptimizerRules optimizer_rules(const RunViOptions& options) {
  return options.optimizer_method == OptimizerMethod::gradient ? rules_of(gradient_config(options))
                                                               : rules_of(newton_config(options));
}

VIStochasticNonmonotoneLineSearchConfig line_search_rules(const RunViOptions& options) {
  using Legacy = VILegacyLineSearchConfig;
  using Stochastic = VIStochasticNonmonotoneLineSearchConfig;
  if (options.line_search_method == LineSearchMethod::stochastic_nonmonotone) {
    return config_or_default<Stochastic>(options.line_search_config);
  }
  const auto legacy = config_or_default<Legacy>(options.line_search_config);
  Stochastic rules;
  rules.initial_step_size = legacy.initial_step_size;
  rules.max_step_size = legacy.max_step_size;
  rules.step_size_growth_factor = legacy.step_size_growth_factor;
  rules.step_size_decay_factor = legacy.step_size_decay_factor;
  rules.max_step_size_decrease_trys = legacy.max_step_size_decrease_trys;
  rules.relaxation_parameter = legacy.relaxation_parameter;
  rules.line_search_objective = legacy.line_search_objective;
  rules.line_search_sample_growth_factor = legacy.line_search_sample_growth_factor;
  rules.log_std_learning_rate_factor = legacy.log_std_learning_rate_factor;
  return rules;
}

int RunViOptions::max_iterations() const {
  return optimizer_rules(*this).max_iterations;
}

}  // namespace invar::vi
