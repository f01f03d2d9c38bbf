#include "invar/vi/line_search.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

#include "invar/core/error.hpp"
#include "vi/settings.hpp"

namespace invar::vi {

LineSearch::LineSearch(const RunViOptions& options)
    : method_(options.line_search_method),
      rules_(line_search_rules(options)),
      max_log_std_update_(optimizer_rules(options).max_log_std_update) {}

double LineSearch::initial_step_size() const {
  return std::min(rules_.initial_step_size, rules_.max_step_size);
}

double LineSearch::grown(double step_size) const {
  return std::min(step_size * rules_.step_size_growth_factor, rules_.max_step_size);
}

double LineSearch::shrunk(double step_size) const {
  return step_size / rules_.step_size_decay_factor;
}

Eigen::Index LineSearch::num_samples(int sample_size, int rejections) const {
  const double wanted =
      std::ceil(sample_size * std::pow(rules_.line_search_sample_growth_factor, rejections));
  return std::max<Eigen::Index>(2, static_cast<Eigen::Index>(wanted));
}

std::size_t LineSearch::window() const {
  return method_ == LineSearchMethod::legacy
             ? 1
             : static_cast<std::size_t>(rules_.line_search_nonmonotone_window);
}

bool LineSearch::has_failed(int rejections) const {
  return rejections > rules_.max_step_size_decrease_trys;
}

double LineSearch::slope(const GradientEstimate& gradient, const Direction& direction) const {
  return gradient.mean.dot(direction.mean) +
         rules_.log_std_learning_rate_factor * gradient.log_std.dot(direction.log_std);
}

Coordinates LineSearch::step(const Coordinates& from, const Direction& direction,
                             double step_size) const {
  const double log_std_step = step_size * rules_.log_std_learning_rate_factor;
  return {.mean = from.mean + step_size * direction.mean,
          .log_std = from.log_std + (log_std_step * direction.log_std)
                                        .cwiseMax(-max_log_std_update_)
                                        .cwiseMin(max_log_std_update_)};
}

bool LineSearch::accepts(const Comparison& comparison) const {
  const Merit& current = comparison.current;
  const Merit& candidate = comparison.candidate;
  if (rules_.line_search_objective == LineSearchObjective::mse) {
    return candidate.relative_mse <= rules_.relaxation_parameter * current.relative_mse;
  }
  if (method_ == LineSearchMethod::legacy) {
    return candidate.elbo.value >=
           current.elbo.value - (rules_.relaxation_parameter - 1.0) * std::abs(current.elbo.value);
  }
  INVAR_EXPECTS(!comparison.accepted_elbos.empty());
  const double best =
      *std::max_element(comparison.accepted_elbos.begin(), comparison.accepted_elbos.end());
  const double increase = rules_.line_search_armijo_coefficient * comparison.step_size *
                          std::max(comparison.slope, 0.0);
  const double slack = rules_.line_search_uncertainty_sigma *
                       std::hypot(current.elbo.standard_error, candidate.elbo.standard_error);
  return candidate.elbo.value >= best + increase - slack;
}

}  // namespace invar::vi
