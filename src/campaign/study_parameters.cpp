#include <algorithm>

#include <fmt/format.h>

#include "campaign/study_blocks.hpp"

namespace invar::campaign {
namespace {

using options::Cursor;
using options::Node;
using options::Range;
using options::Row;
using options::Table;
using space::GaussianFamily;

constexpr double max_parameters = 1e6;

/// `parameters.prior`.
struct GaussianBlock {
  Eigen::Index dimension = -1;
  GaussianFamily family = GaussianFamily::diagonal;
  std::optional<Eigen::VectorXd> mean;
  std::optional<Eigen::VectorXd> std;
  std::optional<Eigen::MatrixXd> covariance;
};

/// `parameters.bounds`.
struct BoundsBlock {
  Eigen::Index dimension = -1;
  std::optional<Eigen::VectorXd> min;
  std::optional<Eigen::VectorXd> max;
};

/// `{prefix: a, count: 3}`: a1, a2, a3.
struct NumberedNames {
  std::string prefix;
  std::int64_t count = 0;
};

const Table<NumberedNames>& numbered_names_table() {
  static const Table<NumberedNames> table = [] {
    Row<NumberedNames> prefix =
        options::text("prefix", &NumberedNames::prefix, "what the numbers are put behind");
    Row<NumberedNames> count = options::integer(
        "count", &NumberedNames::count, Range::between(1, max_parameters), "number of parameters");
    prefix.is_required = true;
    count.is_required = true;
    return Table<NumberedNames>({prefix, count});
  }();
  return table;
}

Node read_numbered_names(const Cursor& at, ParametersBlock& target) {
  NumberedNames numbered;
  const std::size_t num_problems = at.reader->problems().size();
  Node resolved = numbered_names_table().read(at, numbered);
  if (at.reader->problems().size() == num_problems) {
    for (std::int64_t i = 1; i <= numbered.count; ++i) {
      target.names.push_back(numbered.prefix + std::to_string(i));
    }
  }
  return resolved;
}

Node read_names(const Cursor& at, ParametersBlock& target) {
  if (at.node->kind == Node::Kind::map) {
    return read_numbered_names(at, target);
  }
  if (at.node->kind != Node::Kind::sequence || at.node->items.empty()) {
    at.problem("expected a list of names or {prefix: a, count: 64}, found " +
               at.node->description());
    return {};
  }
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    const Cursor item = at.item(i);
    const std::string name = read_text(item).value_or("");
    if (item.node->kind != Node::Kind::sequence && item.node->kind != Node::Kind::map) {
      if (options::normalized(name).empty()) {
        item.problem("expected a name, found an empty one");
      } else if (std::find(target.names.begin(), target.names.end(), name) != target.names.end()) {
        item.problem("expected each name once, found `" + name + "` again; rename one of them");
      }
    }
    target.names.push_back(name);
  }
  return *at.node;
}

Node read_units(const Cursor& at, ParametersBlock& target) {
  const auto dimension = static_cast<std::size_t>(std::max<Eigen::Index>(target.dimension(), 0));
  target.units.assign(dimension, "");
  if (!at.present()) {
    return Node::make_text("");
  }
  if (at.node->kind == Node::Kind::sequence) {
    if (dimension > 0 && at.node->items.size() != dimension) {
      at.problem(fmt::format("expected {} units, one per name, found {}", dimension,
                             at.node->items.size()));
    }
    for (std::size_t i = 0; i < at.node->items.size(); ++i) {
      const auto unit = read_text(at.item(i));
      if (unit && i < dimension) {
        target.units[i] = *unit;
      }
    }
    return *at.node;
  }
  if (const auto unit = read_text(at)) {
    target.units.assign(dimension, *unit);
  }
  return *at.node;
}

Node read_prior_std(const Cursor& at, GaussianBlock& target) {
  Node resolved;
  if (target.family == GaussianFamily::diagonal) {
    if (!at.present()) {
      at.problem("is required with `family: diagonal`: one standard deviation per parameter");
    }
    target.std = read_std(at, target.dimension, ErrorKind::config, resolved);
  } else if (at.present()) {
    at.problem("is a key of `family: diagonal`; give `covariance`, or choose that family");
  }
  return resolved;
}

Node read_prior_covariance(const Cursor& at, GaussianBlock& target) {
  Node resolved;
  if (target.family == GaussianFamily::multivariate) {
    if (!at.present()) {
      at.problem("is required with `family: multivariate`: a matrix, or the file that holds one");
    }
    const auto read = read_covariance(at, target.dimension, ErrorKind::config, resolved);
    if (read) {
      target.covariance = read->full();
    }
  } else if (at.present()) {
    at.problem("is a key of `family: multivariate`; give `std`, or choose that family");
  }
  return resolved;
}

const Table<GaussianBlock>& prior_table() {
  static const Table<GaussianBlock> table = [] {
    const auto required = [](const GaussianBlock&) { return std::string("required"); };
    auto mean = options::custom<GaussianBlock>("mean", "numbers or file",
                                               "one mean per parameter, or one for all",
                                               read_mean<GaussianBlock>);
    mean.unit = "parameters";
    mean.allowed = "finite";
    mean.is_required = true;
    auto std = options::custom<GaussianBlock>(
        "std", "numbers or file", "one standard deviation per parameter, or one for all",
        read_prior_std);
    std.unit = "parameters";
    std.allowed = "> 0";
    std.default_text = required;
    std.condition = "family: diagonal";
    auto covariance =
        options::custom<GaussianBlock>("covariance", "numbers or file",
                                       "a matrix, variances, or {std: ...}", read_prior_covariance);
    covariance.unit = "parameters squared";
    covariance.allowed = "symmetric positive definite";
    covariance.default_text = required;
    covariance.condition = "family: multivariate";
    return Table<GaussianBlock>(
        {options::choice<GaussianBlock, GaussianFamily>(
             "family", &GaussianBlock::family,
             {{GaussianFamily::diagonal, "diagonal"},
              {GaussianFamily::multivariate, "multivariate"}},
             "independent components, or correlated ones; the posterior is of the same family, and "
             "run_vi keeps the correlation of its start"),
         std::move(mean), std::move(std), std::move(covariance)});
  }();
  return table;
}

Node read_prior(const Cursor& at, ParametersBlock& target) {
  GaussianBlock block;
  block.dimension = target.dimension();
  Node resolved = prior_table().read(at, block);
  target.family = block.family;
  try {
    if (block.dimension > 0 && block.mean && block.std) {
      target.prior = space::Prior::diagonal(*block.mean, *block.std);
    } else if (block.dimension > 0 && block.mean && block.covariance) {
      target.prior = space::Prior::multivariate(*block.mean, *block.covariance);
    }
  } catch (const Error& error) {
    at.child(block.std ? "std" : "covariance").problem(error.what(), error.kind());
  }
  return resolved;
}

/// A row of `bounds`, where infinity is the open side.
Row<BoundsBlock> bound_row(const char* key, std::optional<Eigen::VectorXd> BoundsBlock::*side,
                           const std::string& open) {
  const bool is_lower = side == &BoundsBlock::min;
  auto row = options::custom<BoundsBlock>(
      key, "numbers or file",
      fmt::format("one {} bound per parameter, or one for all; {} where there is none",
                  is_lower ? "lower" : "upper", open),
      [side, open](const Cursor& at, BoundsBlock& target) {
        if (!at.present()) {
          return Node::make_scalar(open);
        }
        const auto array = read_array(at, {.has_infinity = true});
        if (array) {
          target.*side = as_vector(at, *array, target.dimension);
        }
        return array ? array->resolved : Node{};
      });
  row.unit = "parameters";
  row.default_text = [open](const BoundsBlock&) { return open; };
  return row;
}

const Table<BoundsBlock>& bounds_table() {
  static const Table<BoundsBlock> table(
      {bound_row("min", &BoundsBlock::min, "-.inf"), bound_row("max", &BoundsBlock::max, ".inf")});
  return table;
}

Node read_bounds(const Cursor& at, ParametersBlock& target) {
  BoundsBlock block;
  block.dimension = target.dimension();
  const std::size_t num_problems = at.reader->problems().size();
  Node resolved = bounds_table().read(at, block);
  if (block.dimension < 0 || at.reader->problems().size() > num_problems) {
    return resolved;
  }
  const space::Bounds none = space::Bounds::none(block.dimension);
  const Eigen::VectorXd min = block.min.value_or(none.min());
  const Eigen::VectorXd max = block.max.value_or(none.max());
  bool is_sound = true;
  for (Eigen::Index j = 0; j < block.dimension; ++j) {
    if (!(min[j] < max[j])) {
      const Cursor side = at.child(block.max ? "max" : "min");
      side.problem(fmt::format("expected max above min, found min {} and max {} for `{}`",
                               options::real_text(min[j]), options::real_text(max[j]),
                               target.names[static_cast<std::size_t>(j)]));
      is_sound = false;
    }
  }
  if (is_sound) {
    target.bounds = space::Bounds(min, max);
  }
  return resolved;
}

}  // namespace

const Table<ParametersBlock>& parameters_table() {
  static const Table<ParametersBlock> table = [] {
    using Block = ParametersBlock;
    auto names = options::custom<Block>(
        "names", "list of text, or keys",
        "one name per parameter, or {prefix: a, count: 64} for a1 to a64", read_names);
    names.is_required = true;
    names.children = numbered_names_table().describe("");
    auto units = options::custom<Block>("units", "text or list of text",
                                        "one unit per parameter, or one for all", read_units);
    units.default_text = [](const Block&) { return std::string("\"\""); };
    auto prior = options::custom<Block>(
        "prior", "keys", "what is known of the parameters before the measurements: a Gaussian",
        read_prior);
    prior.is_required = true;
    prior.children = prior_table().describe("");
    auto bounds = options::custom<Block>(
        "bounds", "keys", "limits of the parameters; see inference.bounded_parameter_handling",
        read_bounds);
    bounds.default_text = [](const Block&) { return std::string("none"); };
    bounds.children = bounds_table().describe("");
    return Table<Block>({std::move(names), std::move(units), std::move(prior), std::move(bounds)});
  }();
  return table;
}

}  // namespace invar::campaign
