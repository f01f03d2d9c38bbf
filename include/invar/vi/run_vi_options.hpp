#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <Eigen/Core>

#include "invar/options/table.hpp"
#include "invar/space/transform.hpp"

namespace invar::vi {

enum class OptimizerMethod { gradient, newton };
enum class GradientMethod { standard, natural };
enum class NewtonMetric { standard, natural };
enum class NewtonHessianType { diagonal, full };
enum class LineSearchMethod { legacy, stochastic_nonmonotone };
enum class LineSearchObjective { elbo, mse };
enum class SamplingMethod { mc, rqmc };
enum class BaselineMethod { none, loo, optimal };
enum class BoundedParameterHandling { clip, transform };
enum class ElboScaling { diag_mean, diag_trace };

/// Options of `optimizer_method: gradient`.
struct VIGradientOptimizerConfig {
  GradientMethod gradient_method = GradientMethod::standard;
  double gradient_norm_tolerance = 1e-5;
  int max_iterations = 1000;
  double max_log_std_update = 0.5;
  double min_variational_std = 1e-6;
  double max_variational_std = 1e6;
};

/// Options of `optimizer_method: newton`.
struct VINewtonOptimizerConfig {
  NewtonMetric newton_metric = NewtonMetric::standard;
  NewtonHessianType newton_hessian_type = NewtonHessianType::diagonal;
  double newton_regularization = 1e-2;
  double gradient_norm_tolerance = 5e-5;
  int max_iterations = 1000;
  double max_log_std_update = 0.5;
  double min_variational_std = 1e-8;
  double max_variational_std = 1e6;
};

/// Options of `line_search_method: legacy`.
struct VILegacyLineSearchConfig {
  double initial_step_size = 1e-2;
  double max_step_size = std::numeric_limits<double>::infinity();
  double step_size_growth_factor = 1.01;
  double step_size_decay_factor = 3.0;
  int max_step_size_decrease_trys = 5;
  double relaxation_parameter = 2.05;
  LineSearchObjective line_search_objective = LineSearchObjective::elbo;
  double line_search_sample_growth_factor = 1.0;
  double log_std_learning_rate_factor = 0.1;
};

/// Options of `line_search_method: stochastic_nonmonotone`.
struct VIStochasticNonmonotoneLineSearchConfig {
  double initial_step_size = 1e-2;
  double max_step_size = std::numeric_limits<double>::infinity();
  double step_size_growth_factor = 1.05;
  double step_size_decay_factor = 2.0;
  int max_step_size_decrease_trys = 5;
  double relaxation_parameter = 3.05;  // read by objective mse alone
  LineSearchObjective line_search_objective = LineSearchObjective::elbo;
  double line_search_sample_growth_factor = 1.0;
  double log_std_learning_rate_factor = 1.0;
  int line_search_nonmonotone_window = 5;
  double line_search_armijo_coefficient = 1e-6;
  double line_search_uncertainty_sigma = 4.0;
};

/// The options of the method `run_vi`, by the names of the reference implementation.
///
/// A config that is left at `std::monostate` has the defaults of the chosen method.
///
/// Source: romtools.workflows.inverse.run_vi (Pressio/rom-tools-and-workflows, BSD-3).
struct RunViOptions {
  OptimizerMethod optimizer_method = OptimizerMethod::gradient;
  std::variant<std::monostate, VIGradientOptimizerConfig, VINewtonOptimizerConfig> optimizer_config;
  LineSearchMethod line_search_method = LineSearchMethod::stochastic_nonmonotone;
  std::variant<std::monostate, VILegacyLineSearchConfig, VIStochasticNonmonotoneLineSearchConfig>
      line_search_config;
  int sample_size = 30;
  std::uint64_t random_seed = 1;
  SamplingMethod sampling_method = SamplingMethod::mc;
  double covariance_regularization = 1e-8;
  std::variant<ElboScaling, double> elbo_scaling_factor = ElboScaling::diag_mean;
  std::optional<double> elbo_relative_tolerance;
  BaselineMethod baseline_method = BaselineMethod::loo;
  BoundedParameterHandling bounded_parameter_handling = BoundedParameterHandling::transform;
  double transform_interior_margin = 1e-6;
  space::TransformMap transform_map = space::TransformMap::sigmoid;
  double min_physical_variational_std_fraction = 1e-6;

  /// Of the chosen optimizer.
  [[nodiscard]] int max_iterations() const;
};

/// The keys of `inference:` that belong to the method; it drives reading and explaining.
///
/// MPI: Local.
const options::Table<RunViOptions>& run_vi_table();

/// Checks options that were not read from a study, by the same ranges.
///
/// MPI: Local.
///
/// @throws Error(config)  listing every option out of its range, and a config that does not belong
///                        to the chosen method
void validate(const RunViOptions& options);

/// What is allowed but rarely meant, with the numbers; one text each.
///
/// Shapes: noise_variances m.
/// MPI:    Local.
std::vector<std::string> warnings_of(const RunViOptions& options,
                                     const Eigen::VectorXd& noise_variances);

}  // namespace invar::vi
