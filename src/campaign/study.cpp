#include "invar/campaign/study.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "campaign/study_blocks.hpp"

namespace invar::campaign {
namespace {

using options::Cursor;
using options::Description;
using options::Node;
using options::Row;
using options::Table;

constexpr std::int64_t format_version = 1;

/// A study while it is read.
struct Draft {
  std::string title;
  ParametersBlock parameters;
  ObservationsBlock observations;
  std::string model_type;
  model::ModelFactory make_model;
  bool model_keeps_timeout = false;
  std::vector<std::string> harmless_model_keys;
  Isolation isolation = Isolation::none;
  InferenceBlock inference;
  evaluation::EvaluationOptions evaluation;
  CampaignOptions campaign;
  std::string petsc;
};

Node read_version(const Cursor& at, Draft& /*target*/) {
  const auto version = read_integer(at);
  if (version && *version != format_version) {
    at.problem("expected 1, the format that this program reads, found " + at.node->description());
  }
  return Node::make_scalar(std::to_string(format_version));
}

Row<Draft> isolation_row() {
  return options::choice(
      "isolation", &Draft::isolation,
      {{Isolation::none, "none", {}}, {Isolation::process, "process", {}}},
      "process: every rank runs its model in a process of its own, so that a crash, an exit or a "
      "hang costs one run (with `evaluation.ranks_per_model: 1`)");
}

/// The keys of all model types, each saying which type it belongs to.
std::vector<Description> describe_models(const model::ModelRegistry& registry) {
  std::string names;
  for (const model::ModelType& type : registry.types()) {
    names += (names.empty() ? "" : ", ") + type.name;
  }
  std::vector<Description> all{{"type", "name", "", "required", names, "which simulation to run"}};
  const std::vector<Description> common = Table<Draft>({isolation_row()}).describe("");
  all.insert(all.end(), common.begin(), common.end());
  for (const model::ModelType& type : registry.types()) {
    for (Description key : type.keys) {
      key.condition = "type: " + type.name;
      all.push_back(std::move(key));
    }
  }
  return all;
}

Node read_model(const model::ModelRegistry& registry, const Cursor& at, Draft& target) {
  if (at.node->kind != Node::Kind::map) {
    at.problem("expected keys such as {type: linear}, found " + at.node->description());
    return {};
  }
  const Cursor type_key = at.child("type");
  const auto name = read_text(type_key);
  std::vector<std::string> names;
  for (const model::ModelType& type : registry.types()) {
    names.push_back(type.name);
  }
  const model::ModelType* type = name ? registry.find(*name) : nullptr;
  if (type == nullptr) {
    const std::string near = name ? options::nearest(*name, names) : "";
    if (name || !type_key.present()) {
      type_key.problem(fmt::format("expected one of {}, found {}{}", fmt::join(names, ", "),
                                   name ? type_key.node->description() : "nothing",
                                   near.empty() ? "" : "; did you mean `" + near + "`?"));
    }
    return {};
  }
  target.model_type = type->name;
  // A size of 0 is not known: what it depends on is wrong, and reported already.
  const model::ProblemSizes sizes{
      .num_parameters = std::max<Eigen::Index>(target.parameters.dimension(), 0),
      .num_qois = target.observations.values ? target.observations.values->size() : 0,
      .parameter_names = target.parameters.names};
  Node keys = Node::make_map();
  target.make_model = type->read(at, sizes, keys);
  target.model_keeps_timeout = type->keeps_timeout;
  target.harmless_model_keys = type->harmless_keys;
  Node resolved = Node::make_map();
  Node type_name = Node::make_scalar(type->name);
  type_name.origin = type_key.node->origin;
  resolved.set("type", std::move(type_name));
  const Cursor isolation_key = at.child("isolation");
  Node isolation = isolation_row().read(isolation_key, target);
  isolation.origin =
      isolation_key.present() ? isolation_key.node->origin : options::Origin::default_value;
  resolved.set("isolation", std::move(isolation));
  for (options::Entry& entry : keys.entries) {
    resolved.set(entry.key, std::move(entry.value));
  }
  return resolved;
}

Node read_evaluation(const Cursor& at, Draft& target) {
  Node resolved = evaluation::evaluation_table().read(at, target.evaluation);
  if (target.isolation == Isolation::process && target.evaluation.ranks_per_model != 1) {
    const Cursor ranks = at.child("ranks_per_model");
    ranks.problem(fmt::format(
        "expected 1, because with `model.isolation: process` every rank runs the model alone, "
        "found {}",
        ranks.node->description()));
  }
  return resolved;
}

/// The model that ends its runs in time by itself, where it is of that kind.
model::ModelFactory limited_in_time(const Draft& draft) {
  const auto timeout_s = draft.evaluation.timeout_s;
  if (!draft.model_keeps_timeout || !timeout_s) {
    return draft.make_model;
  }
  return [make = draft.make_model, timeout_s](MPI_Comm group) {
    auto model = make(group);
    model->limit_time(*timeout_s);
    return model;
  };
}

Table<Draft> study_table(const model::ModelRegistry& registry) {
  auto version =
      options::custom<Draft>("invar", "whole number", "the format of the study file", read_version);
  version.allowed = std::to_string(format_version);
  version.is_required = true;

  Row<Draft> parameters = options::nested("parameters", &Draft::parameters, parameters_table(),
                                          "what is to be found: names, prior and bounds");
  parameters.is_required = true;

  Row<Draft> observations =
      options::nested("observations", &Draft::observations, observations_table(),
                      "what was measured: values and the covariance of their noise");
  observations.is_required = true;

  auto model = options::custom<Draft>(
      "model", "keys", "the simulation: its type and the keys of that type",
      [&registry](const Cursor& at, Draft& target) { return read_model(registry, at, target); });
  model.is_required = true;
  model.children = describe_models(registry);

  auto inference = options::custom<Draft>(
      "inference", "keys", "the method and its options", [](const Cursor& at, Draft& target) {
        return read_inference(at, target.parameters, target.inference);
      });
  inference.children = describe_inference();

  auto evaluation = options::custom<Draft>(
      "evaluation", "keys", "how the model is run and what a failed run does", read_evaluation);
  evaluation.children = evaluation::evaluation_table().describe("");

  return Table<Draft>({
      std::move(version),
      options::text("title", &Draft::title, "a line for people"),
      std::move(parameters),
      std::move(observations),
      std::move(model),
      std::move(inference),
      std::move(evaluation),
      options::nested("campaign", &Draft::campaign, campaign_table(),
                      "where and how the campaign is kept"),
      options::text("petsc", &Draft::petsc,
                    "options as on PETSc's command line; what follows -- is added to them"),
  });
}

}  // namespace

std::vector<Description> describe_study(const model::ModelRegistry& registry) {
  return study_table(registry).describe("");
}

Study read_study(const Node& root, options::Files& files, const model::ModelRegistry& registry) {
  if (root.kind == Node::Kind::null) {
    throw Error(ErrorKind::config, root.where.text() +
                                       ": the study is empty; `invar explain` says "
                                       "what belongs in it");
  }
  const Table<Draft> table = study_table(registry);
  std::vector<std::string> paths;
  for (const Description& one : table.describe("")) {
    paths.push_back(one.path);
  }
  options::Reader reader(files, std::move(paths));
  Draft draft;
  Node resolved = table.read({.node = &root, .reader = &reader}, draft);
  reader.throw_if_any();
  // Whatever is missing now was a problem.
  INVAR_EXPECTS(draft.parameters.prior && draft.observations.values && draft.observations.noise &&
                draft.make_model);
  const Eigen::Index dimension = draft.parameters.dimension();
  return {.title = std::move(draft.title),
          .space = {.names = std::move(draft.parameters.names),
                    .units = std::move(draft.parameters.units),
                    .prior = *std::move(draft.parameters.prior),
                    .bounds = draft.parameters.bounds.value_or(space::Bounds::none(dimension))},
          .observations = {.values = *std::move(draft.observations.values),
                           .noise = *std::move(draft.observations.noise)},
          .model_type = std::move(draft.model_type),
          .make_model = limited_in_time(draft),
          .model_keeps_timeout = draft.model_keeps_timeout,
          .harmless_model_keys = std::move(draft.harmless_model_keys),
          .isolation = draft.isolation,
          .method = draft.inference.method,
          .run_vi = draft.inference.run_vi,
          .regression_vi = draft.inference.regression_vi,
          .initial = std::move(draft.inference.initial),
          .reuse = std::move(draft.inference.reuse),
          .evaluation = draft.evaluation,
          .campaign = std::move(draft.campaign),
          .petsc = std::move(draft.petsc),
          .resolved = std::move(resolved)};
}

}  // namespace invar::campaign
