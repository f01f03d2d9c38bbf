#include "app/check.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "app/reuse.hpp"

namespace invar::app {
namespace {

using campaign::Study;

constexpr std::size_t num_names_shown = 8;

/// A resolved value, as the study file would say it.
std::string value(const Study& study, const std::string& path) {
  const options::Node* node = study.resolved.find_path("inference." + path);
  INVAR_EXPECTS(node != nullptr);
  return node->kind == options::Node::Kind::null ? "none" : node->scalar;
}

std::string parameters_text(const Study& study) {
  const std::vector<std::string>& names = study.space.names;
  std::string shown;
  for (std::size_t i = 0; i < std::min(names.size(), num_names_shown); ++i) {
    shown += (i == 0 ? "" : ", ") + names[i];
  }
  return fmt::format("{}: {}{}", names.size(), shown,
                     names.size() > num_names_shown ? ", ..." : "");
}

std::string bounds_text(const Study& study) {
  const auto& bounds = study.space.bounds;
  if (!bounds.has_any()) {
    return "none";
  }
  const auto is_bounded = bounds.min().array().isFinite() || bounds.max().array().isFinite();
  const std::string handling = study.method == campaign::InferenceMethod::run_vi
                                   ? value(study, "bounded_parameter_handling")
                                   : "transform";
  return fmt::format("on {} of {} parameters, by {}{}", is_bounded.count(), bounds.min().size(),
                     handling,
                     handling == "transform" ? " (" + value(study, "transform_map") + ")" : "");
}

std::string start_text(const Study& study) {
  if (study.initial.from) {
    return fmt::format("the state of {} after {}", *study.initial.from,
                       study.initial.from_round ? fmt::format("round {}", *study.initial.from_round)
                                                : "its newest round");
  }
  return study.initial.distribution ? "as given in inference.initial" : "the prior";
}

std::string method_text(const Study& study) {
  if (study.method == campaign::InferenceMethod::regression_vi) {
    return fmt::format("regression_vi: family {}, accuracy {}, {}, seed {}", value(study, "family"),
                       value(study, "accuracy"), value(study, "sampling_method"),
                       value(study, "random_seed"));
  }
  const bool is_newton = value(study, "optimizer_method") == "newton";
  const std::string detail =
      is_newton ? value(study, "optimizer_config.newton_metric") + " metric, " +
                      value(study, "optimizer_config.newton_hessian_type") + " Hessian"
                : value(study, "optimizer_config.gradient_method");
  return fmt::format("run_vi: {} ({}), line search {} on {}, {}, baseline {}, seed {}",
                     value(study, "optimizer_method"), detail, value(study, "line_search_method"),
                     value(study, "line_search_config.line_search_objective"),
                     value(study, "sampling_method"), value(study, "baseline_method"),
                     value(study, "random_seed"));
}

std::string evaluations_text(const Study& study) {
  if (study.method == campaign::InferenceMethod::regression_vi) {
    return fmt::format("{} per round, at most {} in all", value(study, "sample_size"),
                       study.regression_vi.max_evaluations);
  }
  const std::string growth = value(study, "line_search_config.line_search_sample_growth_factor");
  return fmt::format(
      "{} per batch{}: one batch to start, then 1 to {} per iteration; at most {} "
      "iterations",
      study.run_vi.sample_size,
      growth == "1" ? "" : " (times " + growth + " after each rejected step)",
      std::stol(value(study, "line_search_config.max_step_size_decrease_trys")) + 1,
      std::stol(value(study, "optimizer_config.max_iterations")) - 1);
}

std::string groups_text(const Study& study) {
  const auto& evaluation = study.evaluation;
  return fmt::format("{} rank{} each: P ranks make {}; {}", evaluation.ranks_per_model,
                     evaluation.ranks_per_model == 1 ? "" : "s",
                     evaluation.ranks_per_model == 1
                         ? "P - 1"
                         : fmt::format("(P - 1)/{}, rounded down", evaluation.ranks_per_model),
                     evaluation.concurrency
                         ? fmt::format("at most {} evaluations at a time", *evaluation.concurrency)
                         : "all of them are used");
}

/// What is allowed but rarely meant.
std::string notes_text(const Study& study) {
  std::string notes;
  if (study.method != campaign::InferenceMethod::run_vi) {
    return notes;
  }
  for (const std::string& warning :
       vi::warnings_of(study.run_vi, study.observations.noise.variances())) {
    notes += "note: " + warning + "\n";
  }
  if (study.space.prior.family() == space::GaussianFamily::multivariate) {
    notes +=
        "note: run_vi keeps the correlation of the start; it finds means and standard "
        "deviations only\n";
  }
  return notes;
}

}  // namespace

std::string summary_text(const Study& study) {
  std::string out;
  const auto line = [&out](const char* what, const std::string& text) {
    out += fmt::format("{:<13}{}\n", what, text);
  };
  if (!study.title.empty()) {
    line("title", study.title);
  }
  const bool is_diagonal = study.space.prior.family() == space::GaussianFamily::diagonal;
  line("parameters", parameters_text(study));
  line("prior", is_diagonal ? "diagonal Gaussian" : "multivariate Gaussian");
  line("bounds", bounds_text(study));
  line("start", start_text(study));
  line("observations",
       fmt::format("{}, {} noise", study.observations.values.size(),
                   study.observations.noise.is_independent() ? "independent" : "correlated"));
  line("model", study.model_type);
  line("method", method_text(study));
  line("evaluations", evaluations_text(study));
  line("groups", groups_text(study));
  line("campaign", study.campaign.directory);
  return out + notes_text(study);
}

std::string check_text(const std::filesystem::path& study,
                       const std::vector<std::string>& overrides,
                       const model::ModelRegistry& registry) {
  const LoadedStudy loaded = load_study(study, overrides, registry);
  const std::filesystem::path base = study.parent_path();
  std::string reused;
  for (const std::string& message :
       read_reused(loaded, base, base / loaded.study.campaign.directory, registry).messages) {
    reused += fmt::format("{:<13}{}\n", "reuse", message);
  }
  return study.string() + " is sound.\n" + summary_text(loaded.study) + reused;
}

}  // namespace invar::app
