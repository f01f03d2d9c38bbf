#include "invar/vi/run_vi_options.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "vi/config_tables.hpp"

namespace invar::vi {
namespace {

using options::Cursor;
using options::Description;
using options::Node;
using options::Range;
using options::Row;
using options::Table;

template <class T>
std::vector<std::string> keys_of(const Table<T>& table) {
  std::vector<std::string> keys;
  for (const Row<T>& row : table.rows()) {
    keys.push_back(row.key);
  }
  return keys;
}

bool contains(const std::vector<std::string>& keys, const std::string& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// A table that one of two names of another key selects.
template <class T>
struct Alternative {
  std::string name;
  Table<T> table;
};

/// The keys of both alternatives, saying where they differ.
template <class A, class B>
std::vector<Description> merged_descriptions(const std::string& selector, const Alternative<A>& a,
                                             const Alternative<B>& b) {
  std::vector<Description> all = a.table.describe("");
  const std::vector<Description> second = b.table.describe("");
  for (Description& one : all) {
    const auto twin = std::find_if(second.begin(), second.end(),
                                   [&](const Description& d) { return d.path == one.path; });
    if (twin == second.end()) {
      one.help += fmt::format(" ({}: {} only)", selector, a.name);
    } else if (twin->default_text != one.default_text) {
      one.default_text =
          fmt::format("{} ({}), {} ({})", one.default_text, a.name, twin->default_text, b.name);
    }
  }
  for (Description one : second) {
    const bool is_new = std::none_of(all.begin(), all.end(),
                                     [&](const Description& d) { return d.path == one.path; });
    if (is_new) {
      one.help += fmt::format(" ({}: {} only)", selector, b.name);
      all.push_back(std::move(one));
    }
  }
  return all;
}

/// Records a problem for every key that only the alternative not chosen has.
void refuse_foreign_keys(const Cursor& at, const std::string& selector,
                         const std::pair<std::string, std::vector<std::string>>& chosen,
                         const std::pair<std::string, std::vector<std::string>>& other) {
  if (!at.present() || at.node->kind != Node::Kind::map) {
    return;
  }
  for (const options::Entry& entry : at.node->entries) {
    if (contains(other.second, entry.key) && !contains(chosen.second, entry.key)) {
      at.reader->add({ErrorKind::config, entry.where, at.path + "." + entry.key,
                      fmt::format("is a key of `{0}: {1}`, and this study has `{0}: {2}`; remove "
                                  "it or choose {1}",
                                  selector, other.first, chosen.first)});
    }
  }
}

/// Checks of several keys, after each was read.
template <class Config>
void check_config(const Cursor& at, const Config& config, int sample_size) {
  if constexpr (requires { config.max_variational_std; }) {
    if (!(config.max_variational_std > config.min_variational_std)) {
      at.child("max_variational_std")
          .problem(fmt::format("expected more than min_variational_std = {}, found {}",
                               config.min_variational_std, config.max_variational_std));
    }
  } else {
    const double largest = sample_size * std::pow(config.line_search_sample_growth_factor,
                                                  config.max_step_size_decrease_trys);
    if (!(largest <= max_count)) {
      at.child("line_search_sample_growth_factor")
          .problem(fmt::format("expected at most {:g} samples after max_step_size_decrease_trys = "
                               "{} rejections, found {:g}",
                               max_count, config.max_step_size_decrease_trys, largest));
    }
  }
}

/// Reads one alternative into the variant.
template <class Config, class Variant>
Node read_config(const Cursor& at, RunViOptions& target, Variant RunViOptions::*member,
                 const Table<Config>& table, const std::vector<std::string>& foreign_keys) {
  Variant& variant = target.*member;
  const Config* given = std::get_if<Config>(&variant);
  Config config = given != nullptr ? *given : Config{};
  Node resolved = table.read(at, config, foreign_keys);
  check_config(at, config, target.sample_size);
  variant = config;
  return resolved;
}

/// The row of a config whose struct another key selects.
template <class A, class B, class Variant, class IsFirst>
Row<RunViOptions> config_row(const std::string& key, const std::string& selector,
                             Variant RunViOptions::*member, IsFirst is_first,
                             const std::pair<Alternative<A>, Alternative<B>>& alternatives) {
  const auto& [a, b] = alternatives;
  return {
      .key = key,
      .type = "keys",
      .help = "options of the chosen " + selector,
      .read =
          [alternatives, selector, member, is_first](const Cursor& at, RunViOptions& target) {
            const auto& [first, second] = alternatives;
            const std::pair first_keys(first.name, keys_of(first.table));
            const std::pair second_keys(second.name, keys_of(second.table));
            if (is_first(target)) {
              refuse_foreign_keys(at, selector, first_keys, second_keys);
              return read_config(at, target, member, first.table, second_keys.second);
            }
            refuse_foreign_keys(at, selector, second_keys, first_keys);
            return read_config(at, target, member, second.table, first_keys.second);
          },
      .children = merged_descriptions(selector, a, b),
  };
}

Row<RunViOptions> scaling_row() {
  const auto text_of = [](const RunViOptions& o) -> std::string {
    if (const double* number = std::get_if<double>(&o.elbo_scaling_factor)) {
      return options::real_text(*number);
    }
    return std::get<ElboScaling>(o.elbo_scaling_factor) == ElboScaling::diag_mean ? "diag_mean"
                                                                                  : "diag_trace";
  };
  const std::string allowed =
      "a number > 0, diag_mean (or mean_diag_cov, auto), diag_trace (or trace_diag_cov, trace)";
  return {
      .key = "elbo_scaling_factor",
      .type = "number or name",
      .help = "the ELBO is multiplied by this: a number, or the mean or sum of the noise variances",
      .allowed = allowed,
      .read =
          [text_of, allowed](const Cursor& at, RunViOptions& target) {
            if (at.present()) {
              const std::string name =
                  at.node->kind == Node::Kind::scalar ? options::normalized(at.node->scalar) : "";
              if (name == "diag_mean" || name == "mean_diag_cov" || name == "auto") {
                target.elbo_scaling_factor = ElboScaling::diag_mean;
              } else if (name == "diag_trace" || name == "trace_diag_cov" || name == "trace") {
                target.elbo_scaling_factor = ElboScaling::diag_trace;
              } else {
                options::Reader silent(at.reader->files());
                Cursor quiet = at;
                quiet.reader = &silent;
                if (const auto value = options::read_real(quiet, Range::above(0))) {
                  target.elbo_scaling_factor = *value;
                } else {
                  at.problem("expected " + allowed + ", found " + at.node->description());
                }
              }
            }
            return Node::make_scalar(text_of(target));
          },
      .default_text = text_of,
  };
}

Table<RunViOptions> make_table() {
  using Options = RunViOptions;
  return Table<Options>({
      options::integer("sample_size", &Options::sample_size, Range::between(2, max_count),
                       "model runs per batch; a power of two for rqmc"),
      options::seed("random_seed", &Options::random_seed),
      options::choice<Options, SamplingMethod>(
          "sampling_method", &Options::sampling_method,
          {{SamplingMethod::mc, "mc", {"montecarlo", "monte_carlo"}},
           {SamplingMethod::rqmc, "rqmc", {"randomized_qmc", "randomized_quasi_monte_carlo"}}},
          "independent normals, or scrambled Sobol' points"),
      options::choice<Options, OptimizerMethod>(
          "optimizer_method", &Options::optimizer_method,
          {{OptimizerMethod::gradient, "gradient"}, {OptimizerMethod::newton, "newton"}},
          "how a step's direction is found"),
      config_row(
          "optimizer_config", "optimizer_method", &Options::optimizer_config,
          [](const Options& o) { return o.optimizer_method == OptimizerMethod::gradient; },
          std::pair(Alternative<VIGradientOptimizerConfig>{"gradient", gradient_table()},
                    Alternative<VINewtonOptimizerConfig>{"newton", newton_table()})),
      options::choice<Options, LineSearchMethod>("line_search_method", &Options::line_search_method,
                                                 {{LineSearchMethod::stochastic_nonmonotone,
                                                   "stochastic_nonmonotone",
                                                   {"stochastic", "advanced"}},
                                                  {LineSearchMethod::legacy, "legacy", {"basic"}}},
                                                 "how it is decided whether a step is accepted"),
      config_row(
          "line_search_config", "line_search_method", &Options::line_search_config,
          [](const Options& o) { return o.line_search_method == LineSearchMethod::legacy; },
          std::pair(Alternative<VILegacyLineSearchConfig>{"legacy", legacy_table()},
                    Alternative<VIStochasticNonmonotoneLineSearchConfig>{"stochastic_nonmonotone",
                                                                         stochastic_table()})),
      options::real("covariance_regularization", &Options::covariance_regularization,
                    Range::at_least(0), "added to every noise variance", "observations squared"),
      scaling_row(),
      options::optional_real("elbo_relative_tolerance", &Options::elbo_relative_tolerance,
                             Range::at_least(0),
                             "stop when the ELBO over the first ELBO is at most this"),
      options::choice<Options, BaselineMethod>(
          "baseline_method", &Options::baseline_method,
          {{BaselineMethod::none, "none"},
           {BaselineMethod::loo, "loo"},
           {BaselineMethod::optimal, "optimal"}},
          "control variate of the gradient: none, mean of the other samples, or least variance"),
      options::choice<Options, BoundedParameterHandling>(
          "bounded_parameter_handling", &Options::bounded_parameter_handling,
          {{BoundedParameterHandling::clip, "clip"},
           {BoundedParameterHandling::transform, "transform"}},
          "cut samples to the bounds, or map the real line onto them"),
      options::real("transform_interior_margin", &Options::transform_interior_margin,
                    Range::between_open_above(0, 0.5),
                    "share of the bounded width that the transform keeps free at either bound"),
      options::choice<Options, space::TransformMap>(
          "transform_map", &Options::transform_map,
          {{space::TransformMap::sigmoid, "sigmoid", {"logistic"}},
           {space::TransformMap::arctan, "arctan", {"atan"}}},
          "the map of a parameter with two bounds"),
      options::real("min_physical_variational_std_fraction",
                    &Options::min_physical_variational_std_fraction, Range::at_least(0),
                    "smallest standard deviation as a share of the bounded width (transform only)"),
  });
}

}  // namespace

const Table<RunViOptions>& run_vi_table() {
  static const Table<RunViOptions> table = make_table();
  return table;
}

void validate(const RunViOptions& options) {
  const bool is_gradient = options.optimizer_method == OptimizerMethod::gradient;
  if (is_gradient ? std::holds_alternative<VINewtonOptimizerConfig>(options.optimizer_config)
                  : std::holds_alternative<VIGradientOptimizerConfig>(options.optimizer_config)) {
    throw Error(ErrorKind::config, fmt::format("optimizer_config: expected the one of "
                                               "optimizer_method {0}, found that of {1}",
                                               is_gradient ? "gradient" : "newton",
                                               is_gradient ? "newton" : "gradient"));
  }
  const bool is_legacy = options.line_search_method == LineSearchMethod::legacy;
  if (is_legacy ? std::holds_alternative<VIStochasticNonmonotoneLineSearchConfig>(
                      options.line_search_config)
                : std::holds_alternative<VILegacyLineSearchConfig>(options.line_search_config)) {
    throw Error(ErrorKind::config, fmt::format("line_search_config: expected the one of "
                                               "line_search_method {0}, found that of {1}",
                                               is_legacy ? "legacy" : "stochastic_nonmonotone",
                                               is_legacy ? "stochastic_nonmonotone" : "legacy"));
  }
  run_vi_table().require_allowed(options);
}

std::vector<std::string> warnings_of(const RunViOptions& options,
                                     const Eigen::VectorXd& noise_variances) {
  std::vector<std::string> warnings;
  const double smallest = noise_variances.minCoeff();
  if (options.covariance_regularization > 1e-3 * smallest) {
    warnings.push_back(
        fmt::format("covariance_regularization = {:g} is more than 1e-3 of the smallest noise "
                    "variance, {:g}: the noise is taken too large",
                    options.covariance_regularization, smallest));
  }
  const auto size = static_cast<unsigned>(options.sample_size);
  if (options.sampling_method == SamplingMethod::rqmc && (size & (size - 1)) != 0) {
    warnings.push_back(
        fmt::format("sampling_method: rqmc is balanced for a power of two, found sample_size = {}",
                    options.sample_size));
  }
  return warnings;
}

}  // namespace invar::vi
