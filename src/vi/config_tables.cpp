#include "vi/config_tables.hpp"

#include <iterator>
#include <utility>
#include <vector>

namespace invar::vi {
namespace {

using options::Range;
using options::Row;
using options::Table;

/// The keys that both optimizers have.
template <class Config>
std::vector<Row<Config>> common_optimizer_rows() {
  return {
      options::real("gradient_norm_tolerance", &Config::gradient_norm_tolerance, Range::at_least(0),
                    "stop when the norm of the update (gradient) or of the gradient (newton) is "
                    "at most this",
                    "ELBO"),
      options::integer("max_iterations", &Config::max_iterations, Range::between(1, max_count),
                       "stop when the iteration counter gets here; M allows M - 1 updates"),
      options::real("max_log_std_update", &Config::max_log_std_update, Range::above(0),
                    "largest change of a log standard deviation in one step"),
      options::real("min_variational_std", &Config::min_variational_std, Range::above(0),
                    "smallest standard deviation, in optimizer coordinates"),
      options::real("max_variational_std", &Config::max_variational_std, Range::above(0),
                    "largest standard deviation, in optimizer coordinates"),
  };
}

template <class Config>
std::vector<Row<Config>> joined(std::vector<Row<Config>> rows, std::vector<Row<Config>> more) {
  rows.insert(rows.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
  return rows;
}

/// The keys that both line searches have.
template <class Config>
std::vector<Row<Config>> common_line_search_rows() {
  return {
      options::real("initial_step_size", &Config::initial_step_size, Range::above(0),
                    "first step size"),
      options::real("max_step_size", &Config::max_step_size, Range::above(0).or_infinite(),
                    "the step size never grows beyond this"),
      options::real("step_size_growth_factor", &Config::step_size_growth_factor, Range::at_least(1),
                    "the step size is multiplied by this after an accepted step"),
      options::real("step_size_decay_factor", &Config::step_size_decay_factor, Range::at_least(1),
                    "the step size is divided by this after a rejected step"),
      options::integer("max_step_size_decrease_trys", &Config::max_step_size_decrease_trys,
                       Range::between(0, max_count),
                       "stop when more steps than this were rejected in a row"),
      options::real("relaxation_parameter", &Config::relaxation_parameter, Range::at_least(1),
                    "how much worse a step may be: legacy, and objective mse"),
      options::choice<Config, LineSearchObjective>(
          "line_search_objective", &Config::line_search_objective,
          {{LineSearchObjective::elbo, "elbo"}, {LineSearchObjective::mse, "mse"}},
          "what is compared to accept a step: the ELBO or the mean relative squared misfit"),
      options::real("line_search_sample_growth_factor", &Config::line_search_sample_growth_factor,
                    Range::at_least(1),
                    "after each rejection the number of samples is multiplied by this"),
      options::real("log_std_learning_rate_factor", &Config::log_std_learning_rate_factor,
                    Range::above(0),
                    "step size of the log standard deviations relative to that of the means"),
  };
}

}  // namespace

options::Table<VIGradientOptimizerConfig> gradient_table() {
  using Config = VIGradientOptimizerConfig;
  return Table<Config>(joined<Config>(
      {options::choice<Config, GradientMethod>(
          "gradient_method", &Config::gradient_method,
          {{GradientMethod::standard, "standard"}, {GradientMethod::natural, "natural"}},
          "follow the gradient, or the natural gradient of the diagonal family")},
      common_optimizer_rows<Config>()));
}

options::Table<VINewtonOptimizerConfig> newton_table() {
  using Config = VINewtonOptimizerConfig;
  return Table<Config>(joined<Config>(
      {options::choice<Config, NewtonMetric>(
           "newton_metric", &Config::newton_metric,
           {{NewtonMetric::standard, "standard", {"euclidean"}},
            {NewtonMetric::natural, "natural"}},
           "coordinates in which curvature is floored: as they are, or scaled by the Fisher "
           "information of the diagonal family"),
       options::choice<Config, NewtonHessianType>(
           "newton_hessian_type", &Config::newton_hessian_type,
           {{NewtonHessianType::diagonal, "diagonal", {"diag"}},
            {NewtonHessianType::full, "full", {"dense"}}},
           "use the floored Hessian's diagonal, or all of it"),
       options::real("newton_regularization", &Config::newton_regularization, Range::above(0),
                     "smallest curvature: absolute floor of the Hessian's eigenvalues", "ELBO")},
      common_optimizer_rows<Config>()));
}

options::Table<VILegacyLineSearchConfig> legacy_table() {
  return options::Table<VILegacyLineSearchConfig>(
      common_line_search_rows<VILegacyLineSearchConfig>());
}

options::Table<VIStochasticNonmonotoneLineSearchConfig> stochastic_table() {
  using Config = VIStochasticNonmonotoneLineSearchConfig;
  return Table<Config>(joined<Config>(
      common_line_search_rows<Config>(),
      {options::integer("line_search_nonmonotone_window", &Config::line_search_nonmonotone_window,
                        Range::between(1, max_count),
                        "a step is compared with the best of this many accepted ELBOs"),
       options::real("line_search_armijo_coefficient", &Config::line_search_armijo_coefficient,
                     Range::between(0, 1),
                     "share of the predicted increase that a step must reach"),
       options::real("line_search_uncertainty_sigma", &Config::line_search_uncertainty_sigma,
                     Range::at_least(0),
                     "standard errors by which a step may fall short and still be accepted")}));
}

}  // namespace invar::vi
