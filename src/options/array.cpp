#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "invar/options/table.hpp"
#include "options/number.hpp"
#include "options/text_table.hpp"

namespace invar::options {
namespace {

std::optional<std::vector<std::string>> read_columns(const Cursor& at) {
  std::vector<std::string> columns;
  if (!at.present()) {
    return columns;
  }
  if (at.node->kind != Node::Kind::sequence || at.node->items.empty()) {
    at.problem("expected a list of column names, found " + at.node->description());
    return std::nullopt;
  }
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    const auto column = read_text(at.item(i));
    if (!column) {
      return std::nullopt;
    }
    columns.push_back(*column);
  }
  return columns;
}

/// The numbers of a file; throws what the file's reader throws.
Eigen::MatrixXd read_file(const Cursor& at, const std::string& path,
                          const std::vector<std::string>& columns) {
  const Cursor dataset = at.child("dataset");
  if (!dataset.present()) {
    return parse_text_table(path, at.reader->files().bytes(path), columns);
  }
  Eigen::MatrixXd values = at.reader->files().dataset(path, read_text(dataset).value_or(""));
  if (values.size() == 0 || !values.allFinite()) {
    throw Error(ErrorKind::data,
                fmt::format("{}: expected finite numbers in `{}`, found {}", path,
                            dataset.node->scalar, values.size() == 0 ? "none" : "NaN or infinity"));
  }
  return values;
}

void apply_transform(const Cursor& at, Eigen::MatrixXd& values) {
  const Cursor transform = at.child("transform");
  const auto name = read_text(transform);
  if (!name || normalized(*name) == "none") {
    return;
  }
  if (normalized(*name) != "log") {
    transform.problem("expected log or none, found `" + *name + "`");
  } else if ((values.array() <= 0).any()) {
    transform.problem(
        "log needs positive numbers, found " + real_text(values.minCoeff()) + " in the file",
        ErrorKind::data);
  } else {
    values = values.array().log();
  }
}

std::optional<Array> read_file_array(const Cursor& at) {
  const std::size_t num_problems = at.reader->problems().size();
  at.refuse_unknown_keys({"file", "columns", "dataset", "transform"});
  const Cursor file = at.child("file");
  if (!file.present()) {
    at.problem("expected numbers or `{file: ...}`, found " + at.node->description());
    return std::nullopt;
  }
  const auto path = read_text(file);
  const auto columns = read_columns(at.child("columns"));
  if (at.child("columns").present() && at.child("dataset").present()) {
    at.child("columns").problem(
        "goes with a text file, and `dataset` with an HDF5 file; "
        "give one of them");
  }
  Array array;
  array.resolved = *at.node;
  if (path && columns && at.reader->problems().size() == num_problems) {
    try {
      array.values = read_file(at, *path, *columns);
      array.resolved.find("file")->scalar = at.reader->files().stored_name(*path);
      apply_transform(at, array.values);
    } catch (const Error& error) {
      file.problem(error.what(), error.kind());
    }
  }
  if (at.reader->problems().size() > num_problems) {
    return std::nullopt;
  }
  return array;
}

/// An entry written in place; `resolved` becomes its canonical text.
std::optional<double> read_entry(const Cursor& at, const ArrayRules& rules, Node& resolved) {
  const bool is_number = at.present() && at.node->kind == Node::Kind::scalar &&
                         !at.node->is_quoted && parse_real(at.node->scalar).has_value();
  if (!is_number) {
    at.problem("expected a number, found " + at.node->description());
    return std::nullopt;
  }
  const double value = *parse_real(at.node->scalar);
  if (std::isnan(value) || (std::isinf(value) && !rules.has_infinity)) {
    at.problem(std::string("expected a ") + (rules.has_infinity ? "" : "finite ") +
                   "number, found " + at.node->description(),
               rules.kind);
    return std::nullopt;
  }
  resolved.scalar = real_text(value);
  return value;
}

std::optional<Array> read_list(const Cursor& at, const ArrayRules& rules) {
  const std::vector<Node>& rows = at.node->items;
  const bool has_rows = !rows.empty() && rows.front().kind == Node::Kind::sequence;
  const std::size_t num_columns = has_rows ? rows.front().items.size() : 1;
  if (rows.empty() || num_columns == 0) {
    at.problem("expected numbers, found an empty list", rules.kind);
    return std::nullopt;
  }
  Array array;
  array.resolved = *at.node;
  array.values.resize(static_cast<Eigen::Index>(rows.size()),
                      static_cast<Eigen::Index>(num_columns));
  bool is_sound = true;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Cursor row = at.item(i);
    if (has_rows && (rows[i].kind != Node::Kind::sequence || rows[i].items.size() != num_columns)) {
      row.problem(fmt::format("expected a row of {} numbers as the first one is, found {}",
                              num_columns, rows[i].description()),
                  rules.kind);
      is_sound = false;
      continue;
    }
    for (std::size_t j = 0; j < num_columns; ++j) {
      Node& resolved = has_rows ? array.resolved.items[i].items[j] : array.resolved.items[i];
      const auto value = read_entry(has_rows ? row.item(j) : row, rules, resolved);
      is_sound = is_sound && value.has_value();
      array.values(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = value.value_or(0);
    }
  }
  return is_sound ? std::optional(std::move(array)) : std::nullopt;
}

}  // namespace

std::optional<Array> read_array(const Cursor& at, const ArrayRules& rules) {
  if (!at.present()) {
    return std::nullopt;
  }
  if (at.node->kind == Node::Kind::map) {
    return read_file_array(at);
  }
  if (at.node->kind == Node::Kind::sequence) {
    return read_list(at, rules);
  }
  Array array;
  array.resolved = *at.node;
  const auto value = read_entry(at, rules, array.resolved);
  if (!value) {
    return std::nullopt;
  }
  array.is_scalar = true;
  array.values = Eigen::MatrixXd::Constant(1, 1, *value);
  return array;
}

std::optional<Eigen::VectorXd> as_vector(const Cursor& at, const Array& array, Eigen::Index length,
                                         ErrorKind kind) {
  if (array.is_scalar && length >= 0) {
    return Eigen::VectorXd::Constant(length, array.values(0, 0));
  }
  const bool is_line = array.values.cols() == 1 || array.values.rows() == 1;
  if (!is_line || (length >= 0 && array.values.size() != length)) {
    at.problem(fmt::format("expected {}, found {}",
                           length >= 0 ? fmt::format("{} numbers", length) : "a list of numbers",
                           is_line ? std::to_string(array.values.size())
                                   : fmt::format("{} rows of {}", array.values.rows(),
                                                 array.values.cols())),
               kind);
    return std::nullopt;
  }
  return array.values.reshaped();
}

std::optional<Eigen::VectorXd> read_vector(const Cursor& at, Eigen::Index length) {
  const auto array = read_array(at);
  return array ? as_vector(at, *array, length) : std::nullopt;
}

}  // namespace invar::options
