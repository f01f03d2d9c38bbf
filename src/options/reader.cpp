#include "invar/options/reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "invar/options/table.hpp"

namespace invar::options {
namespace {

std::optional<double> parse_real(std::string_view text) {
  const std::string lower = normalized(std::string(text));
  if (lower == ".inf" || lower == "+.inf" || lower == "inf" || lower == "+inf") {
    return std::numeric_limits<double>::infinity();
  }
  if (lower == "-.inf" || lower == "-inf") {
    return -std::numeric_limits<double>::infinity();
  }
  if (lower == ".nan" || lower == "nan") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  std::string_view digits = lower;
  if (digits.starts_with('+')) {
    digits.remove_prefix(1);
  }
  double value = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (status != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

bool is_scalar(const Cursor& at) {
  return at.present() && at.node->kind == Node::Kind::scalar;
}

std::vector<std::string> split(std::string_view line, char separator) {
  std::vector<std::string> fields;
  std::size_t begin = 0;
  while (begin <= line.size()) {
    const std::size_t end = std::min(line.find(separator, begin), line.size());
    std::string field(line.substr(begin, end - begin));
    const auto first = field.find_first_not_of(" \t\r\"");
    const auto last = field.find_last_not_of(" \t\r\"");
    fields.push_back(first == std::string::npos ? "" : field.substr(first, last - first + 1));
    begin = end + 1;
  }
  return fields;
}

/// A table of numbers as text: comma-separated with a header line, or blank-separated without.
std::optional<Eigen::MatrixXd> parse_text_table(const Cursor& at, const std::string& path,
                                                const std::string& bytes,
                                                const std::vector<std::string>& columns) {
  std::vector<std::vector<double>> rows;
  std::vector<std::string> header;
  std::vector<std::size_t> wanted;
  std::size_t line_number = 0;
  std::size_t begin = 0;
  while (begin < bytes.size()) {
    const std::size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string line = bytes.substr(begin, end - begin);
    begin = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string::npos || line.starts_with('#')) {
      continue;
    }
    const bool has_commas = line.find(',') != std::string::npos;
    std::vector<std::string> fields = split(line, has_commas ? ',' : ' ');
    if (!has_commas) {
      std::erase(fields, "");
    }
    if (header.empty() && rows.empty()) {
      const bool is_header =
          std::any_of(fields.begin(), fields.end(), [](const auto& f) { return !parse_real(f); });
      if (is_header) {
        header = fields;
      }
      if (columns.empty()) {
        wanted.resize(fields.size());
        std::iota(wanted.begin(), wanted.end(), 0U);
      }
      for (const std::string& column : columns) {
        const auto found = std::find(header.begin(), header.end(), column);
        if (found == header.end()) {
          at.problem(fmt::format("{}:{}: no column `{}`; the header has {}", path, line_number,
                                 column, fmt::join(header, ", ")),
                     ErrorKind::data);
          return std::nullopt;
        }
        wanted.push_back(static_cast<std::size_t>(found - header.begin()));
      }
      if (is_header) {
        continue;
      }
    }
    std::vector<double> row;
    for (const std::size_t index : wanted) {
      const auto value = index < fields.size() ? parse_real(fields[index]) : std::nullopt;
      if (!value) {
        at.problem(fmt::format("{}:{}: expected a number in field {}, found `{}`", path,
                               line_number, index + 1, index < fields.size() ? fields[index] : ""),
                   ErrorKind::data);
        return std::nullopt;
      }
      row.push_back(*value);
    }
    if (columns.empty() && fields.size() != wanted.size()) {
      at.problem(fmt::format("{}:{}: expected {} fields, found {}", path, line_number,
                             wanted.size(), fields.size()),
                 ErrorKind::data);
      return std::nullopt;
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) {
    at.problem(fmt::format("{}: holds no numbers", path), ErrorKind::data);
    return std::nullopt;
  }
  Eigen::MatrixXd values(rows.size(), wanted.size());
  for (Eigen::Index i = 0; i < values.rows(); ++i) {
    for (Eigen::Index j = 0; j < values.cols(); ++j) {
      values(i, j) = rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
    }
  }
  return values;
}

std::optional<Array> read_file_array(const Cursor& at) {
  at.refuse_unknown_keys({"file", "columns", "dataset", "transform"});
  const Cursor file = at.child("file");
  const auto path = read_text(file);
  if (!path) {
    if (!file.present()) {
      at.problem("expected a number, a list, or `{file: ...}`, found " + at.node->description());
    }
    return std::nullopt;
  }
  Array array;
  array.resolved = *at.node;
  try {
    if (const auto dataset = read_text(at.child("dataset"))) {
      array.values = at.reader->files().dataset(*path, *dataset);
    } else {
      std::vector<std::string> columns;
      const Cursor list = at.child("columns");
      if (list.present()) {
        if (list.node->kind != Node::Kind::sequence) {
          list.problem("expected a list of column names, found " + list.node->description());
          return std::nullopt;
        }
        for (std::size_t i = 0; i < list.node->items.size(); ++i) {
          columns.push_back(read_text(list.item(i)).value_or(""));
        }
      }
      auto values = parse_text_table(file, *path, at.reader->files().bytes(*path), columns);
      if (!values) {
        return std::nullopt;
      }
      array.values = std::move(*values);
    }
    const std::string stored = at.reader->files().stored_name(*path);
    for (Entry& entry : array.resolved.entries) {
      if (entry.key == "file") {
        entry.value.scalar = stored;
      }
    }
  } catch (const Error& error) {
    file.problem(error.what(), error.kind());
    return std::nullopt;
  }
  if (const auto transform = read_text(at.child("transform"))) {
    if (normalized(*transform) == "log") {
      if ((array.values.array() <= 0).any()) {
        at.problem(
            "transform: log needs positive numbers, found " + real_text(array.values.minCoeff()),
            ErrorKind::data);
        return std::nullopt;
      }
      array.values = array.values.array().log();
    } else if (normalized(*transform) != "none") {
      at.child("transform").problem("expected log or none, found `" + *transform + "`");
    }
  }
  return array;
}

}  // namespace

std::string normalized(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) {
    return "";
  }
  std::string out = text.substr(first, text.find_last_not_of(" \t") - first + 1);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

void Reader::throw_if_any() const {
  if (problems_.empty()) {
    return;
  }
  const bool share_kind = std::all_of(problems_.begin(), problems_.end(), [&](const Problem& p) {
    return p.kind == problems_.front().kind;
  });
  std::string message;
  for (const Problem& problem : problems_) {
    const std::string place = problem.where.text();
    message += fmt::format("{}{}{}{}`{}`: {}", message.empty() ? "" : "\n", place,
                           place.empty() ? "" : ": ", "", problem.path, problem.message);
  }
  throw Error(share_kind ? problems_.front().kind : ErrorKind::config, message);
}

Cursor Cursor::child(const std::string& key) const {
  return {.node = present() ? node->find(key) : nullptr,
          .path = path.empty() ? key : path + "." + key,
          .parent = where(),
          .reader = reader};
}

Cursor Cursor::item(std::size_t index) const {
  INVAR_EXPECTS(present() && index < node->items.size());
  return {.node = &node->items[index],
          .path = fmt::format("{}[{}]", path, index),
          .parent = where(),
          .reader = reader};
}

void Cursor::problem(const std::string& message, ErrorKind kind) const {
  reader->add({kind, where(), path, message});
}

void Cursor::refuse_unknown_keys(const std::vector<std::string>& known) const {
  for (const Entry& entry : node->entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) {
      continue;
    }
    const std::string near = nearest(entry.key, known);
    reader->add({ErrorKind::config, entry.where, path.empty() ? entry.key : path + "." + entry.key,
                 near.empty() ? fmt::format("unknown key; known here: {}", fmt::join(known, ", "))
                              : "unknown key; did you mean `" + near + "`?"});
  }
}

bool Range::contains(double value) const {
  return (is_lower_open ? value > lower : value >= lower) &&
         (is_upper_open ? value < upper : value <= upper);
}

std::string Range::text() const {
  const bool has_lower = std::isfinite(lower);
  const bool has_upper = std::isfinite(upper);
  if (has_lower && has_upper) {
    return fmt::format("in {}{}, {}{}", is_lower_open ? "(" : "[", real_text(lower),
                       real_text(upper), is_upper_open ? ")" : "]");
  }
  if (has_lower) {
    return (is_lower_open ? "> " : ">= ") + real_text(lower);
  }
  if (has_upper) {
    return (is_upper_open ? "< " : "<= ") + real_text(upper);
  }
  return "";
}

std::optional<double> read_real(const Cursor& at, const Range& range) {
  if (!at.present()) {
    return std::nullopt;
  }
  const auto value =
      is_scalar(at) && !at.node->is_quoted ? parse_real(at.node->scalar) : std::nullopt;
  if (!value || !range.contains(*value)) {
    at.problem("expected a number" + (range.text().empty() ? "" : " " + range.text()) + ", found " +
               at.node->description());
    return std::nullopt;
  }
  return value;
}

std::optional<std::int64_t> read_integer(const Cursor& at, const Range& range) {
  if (!at.present()) {
    return std::nullopt;
  }
  const auto value =
      is_scalar(at) && !at.node->is_quoted ? parse_real(at.node->scalar) : std::nullopt;
  if (!value || *value != std::floor(*value) || std::abs(*value) > 0x1p53 ||
      !range.contains(*value)) {
    at.problem("expected a whole number" + (range.text().empty() ? "" : " " + range.text()) +
               ", found " + at.node->description());
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*value);
}

std::optional<bool> read_boolean(const Cursor& at) {
  if (!at.present()) {
    return std::nullopt;
  }
  const std::string text = is_scalar(at) ? normalized(at.node->scalar) : "";
  if (text == "true" || text == "yes" || text == "on") {
    return true;
  }
  if (text == "false" || text == "no" || text == "off") {
    return false;
  }
  at.problem("expected true or false, found " + at.node->description());
  return std::nullopt;
}

std::optional<std::string> read_text(const Cursor& at) {
  if (!at.present()) {
    return std::nullopt;
  }
  if (!is_scalar(at)) {
    at.problem("expected text, found " + at.node->description());
    return std::nullopt;
  }
  return at.node->scalar;
}

std::optional<Eigen::VectorXd> read_vector(const Cursor& at, Eigen::Index length) {
  const auto array = read_array(at);
  if (!array) {
    return std::nullopt;
  }
  if (array->is_scalar && length >= 0) {
    return Eigen::VectorXd::Constant(length, array->values(0, 0));
  }
  if (array->values.cols() != 1 || (length >= 0 && array->values.rows() != length)) {
    at.problem(fmt::format(
        "expected {} numbers, found {}", length >= 0 ? std::to_string(length) : "a list of",
        array->values.cols() == 1
            ? std::to_string(array->values.rows())
            : fmt::format("{} rows of {}", array->values.rows(), array->values.cols())));
    return std::nullopt;
  }
  return array->values.col(0);
}

std::optional<Array> read_array(const Cursor& at) {
  if (!at.present()) {
    return std::nullopt;
  }
  if (at.node->kind == Node::Kind::map) {
    return read_file_array(at);
  }
  Array array;
  array.resolved = *at.node;
  if (at.node->kind == Node::Kind::scalar) {
    const auto value = read_real(at);
    if (!value) {
      return std::nullopt;
    }
    array.is_scalar = true;
    array.values = Eigen::MatrixXd::Constant(1, 1, *value);
    return array;
  }
  const auto num_rows = static_cast<Eigen::Index>(at.node->items.size());
  if (num_rows == 0) {
    at.problem("expected numbers, found an empty list");
    return std::nullopt;
  }
  const bool has_rows = at.node->items.front().kind == Node::Kind::sequence;
  const auto num_columns =
      has_rows ? static_cast<Eigen::Index>(at.node->items.front().items.size()) : 1;
  array.values.resize(num_rows, num_columns);
  for (Eigen::Index i = 0; i < num_rows; ++i) {
    const Cursor row = at.item(static_cast<std::size_t>(i));
    if (!has_rows) {
      const auto value = read_real(row);
      if (!value) {
        return std::nullopt;
      }
      array.values(i, 0) = *value;
      continue;
    }
    if (row.node->kind != Node::Kind::sequence ||
        static_cast<Eigen::Index>(row.node->items.size()) != num_columns) {
      row.problem(fmt::format("expected a row of {} numbers, found {}", num_columns,
                              row.node->description()));
      return std::nullopt;
    }
    for (Eigen::Index j = 0; j < num_columns; ++j) {
      const auto value = read_real(row.item(static_cast<std::size_t>(j)));
      if (!value) {
        return std::nullopt;
      }
      array.values(i, j) = *value;
    }
  }
  return array;
}

std::string nearest(const std::string& key, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, key.size() / 3) + 1;
  for (const std::string& candidate : known) {
    std::vector<std::size_t> previous(candidate.size() + 1);
    std::iota(previous.begin(), previous.end(), 0U);
    for (std::size_t i = 1; i <= key.size(); ++i) {
      std::vector<std::size_t> current(candidate.size() + 1, i);
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        current[j] = std::min({previous[j] + 1, current[j - 1] + 1,
                               previous[j - 1] + (key[i - 1] == candidate[j - 1] ? 0U : 1U)});
      }
      previous = std::move(current);
    }
    if (previous.back() < best_distance) {
      best_distance = previous.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace invar::options
