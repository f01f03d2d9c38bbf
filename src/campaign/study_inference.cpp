#include <algorithm>

#include <fmt/format.h>

#include "campaign/study_blocks.hpp"
#include "invar/core/sobol.hpp"

namespace invar::campaign {
namespace {

using options::Cursor;
using options::Node;
using options::Range;
using options::Row;
using options::Table;
using space::GaussianFamily;

/// `inference.initial`; dimension and family are set before it is read.
struct InitialBlock {
  Eigen::Index dimension = -1;
  GaussianFamily family = GaussianFamily::diagonal;
  std::optional<Eigen::VectorXd> mean;
  std::optional<Eigen::VectorXd> std;
  std::optional<Eigen::MatrixXd> covariance;
  std::optional<std::string> from;
  std::optional<std::int64_t> round;

  [[nodiscard]] bool has_moments() const { return mean || std || covariance; }
};

Node read_initial_std(const Cursor& at, InitialBlock& target) {
  Node resolved;
  if (target.family == GaussianFamily::diagonal) {
    target.std = read_std(at, target.dimension, ErrorKind::config, resolved);
  } else if (at.present()) {
    at.problem(
        "the prior is multivariate and the start must be of the same family; give "
        "`covariance`, such as {std: ...}");
  }
  return resolved;
}

Node read_initial_covariance(const Cursor& at, InitialBlock& target) {
  Node resolved;
  if (target.family == GaussianFamily::multivariate) {
    const auto read = read_covariance(at, target.dimension, ErrorKind::config, resolved);
    if (read) {
      target.covariance = read->full();
    }
  } else if (at.present()) {
    at.problem(
        "the prior is diagonal and the start must be of the same family; give `std`, or "
        "make the prior multivariate");
  }
  return resolved;
}

Node read_from(const Cursor& at, InitialBlock& target) {
  target.from = read_text(at);
  return target.from ? Node::make_text(*target.from) : Node{};
}

Node read_round(const Cursor& at, InitialBlock& target) {
  target.round = read_integer(at, Range::at_least(0));
  return target.round ? Node::make_scalar(std::to_string(*target.round)) : Node{};
}

const Table<InitialBlock>& initial_table() {
  static const Table<InitialBlock> table = [] {
    const auto row = [](const char* key, const char* type, const char* help, auto read,
                        const char* default_text) {
      auto made = options::custom<InitialBlock>(key, type, help, read);
      made.default_text = [default_text](const InitialBlock&) { return std::string(default_text); };
      return made;
    };
    auto mean = row("mean", "numbers or file", "one mean per parameter, or one for all",
                    read_mean<InitialBlock>, "the prior's");
    mean.unit = "parameters";
    auto std = row("std", "numbers or file", "one standard deviation per parameter, or one for all",
                   read_initial_std, "the prior's");
    std.unit = "parameters";
    std.allowed = "> 0";
    std.condition = "diagonal prior";
    auto covariance = row("covariance", "numbers or file", "a matrix, variances, or {std: ...}",
                          read_initial_covariance, "the prior's");
    covariance.unit = "parameters squared";
    covariance.allowed = "symmetric positive definite";
    covariance.condition = "multivariate prior";
    auto from = row("from", "text", "another campaign: its directory, or a restart file of it",
                    read_from, "none");
    auto round = row("round", "whole number", "the round of that campaign to start from",
                     read_round, "its newest");
    round.allowed = ">= 0";
    return Table<InitialBlock>({std::move(mean), std::move(std), std::move(covariance),
                                std::move(from), std::move(round)});
  }();
  return table;
}

/// What is not given is the prior's.
std::optional<space::Prior> make_distribution(const Cursor& at, const InitialBlock& block,
                                              const space::Prior& prior) {
  const Eigen::VectorXd mean = block.mean.value_or(prior.mean());
  try {
    if (prior.family() == GaussianFamily::diagonal) {
      return space::Prior::diagonal(mean, block.std.value_or(prior.std()));
    }
    return space::Prior::multivariate(mean, block.covariance.value_or(prior.covariance()));
  } catch (const Error& error) {
    at.child("covariance").problem(error.what(), error.kind());
    return std::nullopt;
  }
}

Node read_initial(const Cursor& at, const ParametersBlock& parameters, InitialOptions& target) {
  InitialBlock block;
  block.dimension = parameters.dimension();
  block.family = parameters.family;
  const std::size_t num_problems = at.reader->problems().size();
  Node resolved = initial_table().read(at, block);
  if (block.from && block.has_moments()) {
    at.child("from").problem("expected either `from` or moments of the start, found both");
  }
  if (block.round && !block.from) {
    at.child("round").problem("is the round of the campaign that `from` names; give `from` too");
  }
  if (at.reader->problems().size() > num_problems) {
    return resolved;
  }
  target.from = block.from;
  target.from_round = block.round;
  if (block.has_moments() && parameters.prior && block.dimension == parameters.prior->dimension()) {
    target.distribution = make_distribution(at, block, *parameters.prior);
  }
  return resolved;
}

/// A transform can only start well inside the bounds.
void check_start(const Cursor& at, const ParametersBlock& parameters,
                 const InferenceBlock& inference) {
  const InitialOptions& initial = inference.initial;
  if (!parameters.prior || !parameters.bounds || initial.from ||
      inference.run_vi.bounded_parameter_handling != vi::BoundedParameterHandling::transform) {
    return;
  }
  const Cursor mean = at.child("initial").child("mean");
  const Eigen::VectorXd& start =
      initial.distribution ? initial.distribution->mean() : parameters.prior->mean();
  for (Eigen::Index j = 0; j < start.size(); ++j) {
    double lower = parameters.bounds->min()[j];
    double upper = parameters.bounds->max()[j];
    if (std::isfinite(lower) && std::isfinite(upper)) {
      const double margin = inference.run_vi.transform_interior_margin * (upper - lower);
      lower += margin;
      upper -= margin;
    }
    if (!(start[j] > lower && start[j] < upper)) {
      mean.problem(
          fmt::format("with `bounded_parameter_handling: transform` the {} must lie inside "
                      "the bounds: expected `{}` in ({}, {}), found {}",
                      mean.present() ? "start" : "start (here the prior's mean)",
                      parameters.names[static_cast<std::size_t>(j)], options::real_text(lower),
                      options::real_text(upper), options::real_text(start[j])));
    }
  }
}

const char* method_name(InferenceMethod method) {
  return method == InferenceMethod::run_vi ? "run_vi" : "regression_vi";
}

InferenceMethod read_method(const Cursor& at) {
  const auto name = read_text(at);
  if (name && options::normalized(*name) == "regression_vi") {
    return InferenceMethod::regression_vi;
  }
  if (name && options::normalized(*name) != "run_vi") {
    at.problem("expected regression_vi or run_vi, found `" + *name + "`");
  }
  return InferenceMethod::run_vi;
}

std::vector<std::string> keys_of(const std::vector<options::Description>& rows) {
  std::vector<std::string> keys;
  keys.reserve(rows.size());
  for (const options::Description& row : rows) {
    keys.push_back(row.path);
  }
  return keys;
}

/// Directories: one, or a list of them.
Node read_reuse(const Cursor& at, InferenceBlock& target) {
  Node resolved = Node::make_sequence();
  if (!at.present()) {
    return resolved;
  }
  const auto add = [&](const Cursor& one) {
    if (const auto directory = read_text(one); directory && !directory->empty()) {
      Node item = Node::make_text(*directory);
      item.where = one.where();
      resolved.items.push_back(std::move(item));
      target.reuse.push_back(*directory);
    } else if (directory) {
      one.problem("expected the directory of a campaign, found \"\"");
    }
  };
  if (at.node->kind != Node::Kind::sequence) {
    add(at);
  }
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    add(at.item(i));
  }
  return resolved;
}

/// What belongs to regression_vi and is not an option of the method itself.
const Table<InferenceBlock>& reuse_table() {
  static const Table<InferenceBlock> table = [] {
    auto reuse = options::custom<InferenceBlock>(
        "reuse", "list of text",
        "directories of earlier campaigns of the same model, relative to the study file: their "
        "runs count as runs of this one",
        read_reuse);
    reuse.default_text = [](const InferenceBlock&) { return std::string("none"); };
    return Table<InferenceBlock>({std::move(reuse)});
  }();
  return table;
}

/// The keys of one method; those that only the other one has are named as such.
template <class Options, class Other>
Node read_options(const Cursor& at, Options& target, const Table<Options>& table,
                  const Table<Other>& others, InferenceMethod method) {
  const std::vector<std::string> own = keys_of(table.describe(""));
  std::vector<std::string> read_elsewhere{"method", "initial", "reuse"};
  for (const std::string& key : keys_of(others.describe(""))) {
    const bool is_foreign = std::find(own.begin(), own.end(), key) == own.end();
    if (is_foreign && at.child(key).present()) {
      at.child(key).problem(
          fmt::format("is no key of `method: {}`; remove it or choose {}", method_name(method),
                      method == InferenceMethod::run_vi ? "regression_vi" : "run_vi"));
      read_elsewhere.push_back(key);
    }
  }
  return table.read(at, target, read_elsewhere);
}

}  // namespace

Node read_inference(const Cursor& at, const ParametersBlock& parameters, InferenceBlock& target) {
  Node resolved = Node::make_map();
  if (at.present() && at.node->kind != Node::Kind::map) {
    at.problem("expected keys with values, found " + at.node->description());
    return resolved;
  }
  const Cursor method = at.child("method");
  target.method = read_method(method);
  Node name = Node::make_scalar(method_name(target.method));
  name.origin = method.present() ? method.node->origin : options::Origin::default_value;
  resolved.set("method", std::move(name));
  resolved.set("initial", read_initial(at.child("initial"), parameters, target.initial));
  const bool is_run_vi = target.method == InferenceMethod::run_vi;
  const Node keys = is_run_vi
                        ? read_options(at, target.run_vi, vi::run_vi_table(),
                                       regression::regression_vi_table(), target.method)
                        : read_options(at, target.regression_vi, regression::regression_vi_table(),
                                       vi::run_vi_table(), target.method);
  for (const options::Entry& entry : keys.entries) {
    resolved.set(entry.key, entry.value);
  }
  const Cursor reuse = at.child("reuse");
  if (is_run_vi && reuse.present()) {
    reuse.problem("is no key of `method: run_vi`; remove it or choose regression_vi");
  } else if (!is_run_vi) {
    Node directories = read_reuse(reuse, target);
    directories.origin = reuse.present() ? reuse.node->origin : options::Origin::default_value;
    resolved.set("reuse", std::move(directories));
  }
  if (is_run_vi && target.run_vi.sampling_method == vi::SamplingMethod::rqmc &&
      parameters.dimension() > core::max_sobol_dimension) {
    at.child("sampling_method")
        .problem(fmt::format("rqmc has directions for at most {} parameters, found {}; choose mc",
                             core::max_sobol_dimension, parameters.dimension()));
  }
  if (is_run_vi) {
    check_start(at, parameters, target);
  }
  return resolved;
}

std::vector<options::Description> describe_inference() {
  std::vector<options::Description> all{
      {"method", "name", "", "run_vi", "regression_vi, run_vi",
       "how the posterior is found: regression_vi needs the fewest model runs; run_vi is the "
       "published method, option by option"},
      {"initial", "keys", "", "the prior", "",
       "where the variational distribution starts: moments, or the state of another campaign"}};
  for (options::Description& one : initial_table().describe("initial")) {
    all.push_back(std::move(one));
  }
  const auto add = [&all](std::vector<options::Description> rows, const char* condition) {
    for (options::Description& one : rows) {
      one.condition = condition;
      all.push_back(std::move(one));
    }
  };
  add(regression::regression_vi_table().describe(""), "method: regression_vi");
  add(reuse_table().describe(""), "method: regression_vi");
  add(vi::run_vi_table().describe(""), "method: run_vi");
  return all;
}

}  // namespace invar::campaign
