#include "app/study_changes.hpp"

#include <algorithm>
#include <array>

#include "invar/core/error.hpp"

namespace invar::app {
namespace {

using options::Node;

std::string value_text(const Node* node) {
  if (node == nullptr || node->kind == Node::Kind::null) {
    return "none";
  }
  if (node->kind == Node::Kind::scalar) {
    return node->scalar;
  }
  std::string text;
  for (const Node& item : node->items) {
    text += (text.empty() ? "[" : ", ") + value_text(&item);
  }
  return node->kind == Node::Kind::map ? node->description() : text + "]";
}

void compare(const Node* before, const Node* after, const std::string& path,
             std::vector<std::string>& changes) {
  const bool are_maps = before != nullptr && after != nullptr && before->kind == Node::Kind::map &&
                        after->kind == Node::Kind::map;
  if (!are_maps) {
    const bool is_same =
        before != nullptr && after != nullptr ? before->same_value(*after) : before == after;
    if (!is_same) {
      changes.push_back(path + ": " + value_text(before) + " -> " + value_text(after));
    }
    return;
  }
  const std::string stem = path.empty() ? "" : path + ".";
  for (const options::Entry& entry : before->entries) {
    compare(&entry.value, after->find(entry.key), stem + entry.key, changes);
  }
  for (const options::Entry& entry : after->entries) {
    if (before->find(entry.key) == nullptr) {
      compare(nullptr, &entry.value, stem + entry.key, changes);
    }
  }
}

/// Whether it is of a key under `model:` that has no part in the answers.
bool is_beside_the_model(const std::string& change,
                         const std::vector<std::string>& harmless_model_keys) {
  return change.starts_with("model.isolation:") ||
         std::any_of(harmless_model_keys.begin(), harmless_model_keys.end(),
                     [&](const auto& key) { return change.starts_with("model." + key + ":"); });
}

}  // namespace

std::vector<std::string> changed_keys(const Node& before, const Node& after) {
  std::vector<std::string> changes;
  compare(&before, &after, "", changes);
  return changes;
}

ChangeKind judge_changes(const std::vector<std::string>& changes,
                         const std::vector<std::string>& harmless_model_keys) {
  constexpr std::array harmless = {
      "title:",
      "evaluation.concurrency:",
      "evaluation.timeout_s:",
      "evaluation.deadline:",
      "evaluation.retries:",
      "evaluation.on_failure:",
      "evaluation.failure_budget:",
      "evaluation.run_ahead:",
      "campaign.",
      "inference.optimizer_config.max_iterations:",
      "inference.optimizer_config.gradient_norm_tolerance:",
      "inference.elbo_relative_tolerance:",
      "inference.accuracy:",
      "inference.max_evaluations:",
  };
  constexpr std::array of_target = {
      "parameters.prior.mean", "parameters.prior.std",    "parameters.prior.covariance",
      "observations.values",   "observations.covariance", "inference.covariance_regularization:",
  };
  ChangeKind kind = ChangeKind::harmless;
  std::string refused;
  for (const std::string& change : changes) {
    const auto begins_with = [&](const char* key) { return change.starts_with(key); };
    if (is_beside_the_model(change, harmless_model_keys)) {
      continue;
    }
    if (std::any_of(of_target.begin(), of_target.end(), begins_with)) {
      kind = ChangeKind::target;
    } else if (std::none_of(harmless.begin(), harmless.end(), begins_with)) {
      refused += "\n  " + change;
    }
  }
  if (!refused.empty()) {
    throw Error(
        ErrorKind::config,
        "the study differs from the campaign's in what its evaluations or its method depend on:" +
            refused +
            "\nresume it with its own study, or start a new campaign with `invar run` "
            "(`inference.initial: {from: DIR}` begins where this one stands)");
  }
  return kind;
}

std::vector<std::string> changes_of_model(const std::vector<std::string>& changes,
                                          const std::vector<std::string>& harmless_model_keys) {
  constexpr std::array of_model = {"parameters.names:", "model.", "petsc:"};
  std::vector<std::string> found;
  for (const std::string& change : changes) {
    if (!is_beside_the_model(change, harmless_model_keys) &&
        std::any_of(of_model.begin(), of_model.end(),
                    [&](const char* key) { return change.starts_with(key); })) {
      found.push_back(change);
    }
  }
  return found;
}

}  // namespace invar::app
