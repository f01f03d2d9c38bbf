#include "options/text_table.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "options/number.hpp"

namespace invar::options {
namespace {

/// A field without blanks and double quotes around it.
std::string trimmed(std::string_view field) {
  const auto first = field.find_first_not_of(" \t\r\"");
  if (first == std::string_view::npos) {
    return "";
  }
  return std::string(field.substr(first, field.find_last_not_of(" \t\r\"") - first + 1));
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields;
  if (line.find(',') == std::string::npos) {
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      fields.push_back(trimmed(word));
    }
    return fields;
  }
  std::size_t begin = 0;
  while (begin <= line.size()) {
    const std::size_t end = std::min(line.find(',', begin), line.size());
    fields.push_back(trimmed(std::string_view(line).substr(begin, end - begin)));
    begin = end + 1;
  }
  return fields;
}

class TextTable {
 public:
  TextTable(const std::string& name, const std::vector<std::string>& columns)
      : name_(name), columns_(columns) {}

  void add_line(std::size_t number, const std::string& line) {
    line_ = number;
    const std::vector<std::string> fields = split(line);
    if (wanted_.empty() && choose_columns(fields)) {
      return;
    }
    if (fields.size() != num_fields_) {
      fail(fmt::format("expected {} fields, found {}", num_fields_, fields.size()));
    }
    for (const std::size_t index : wanted_) {
      const auto value = parse_real(fields[index]);
      if (!value || !std::isfinite(*value)) {
        fail(fmt::format("expected a finite number in field {}, found `{}`", index + 1,
                         fields[index]));
      }
      numbers_.push_back(*value);
    }
  }

  [[nodiscard]] Eigen::MatrixXd values() const {
    if (numbers_.empty()) {
      throw Error(ErrorKind::data, fmt::format("{}: expected numbers, found none", name_));
    }
    const auto num_columns = static_cast<Eigen::Index>(wanted_.size());
    const auto num_rows = static_cast<Eigen::Index>(numbers_.size()) / num_columns;
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const RowMajor>(numbers_.data(), num_rows, num_columns);
  }

 private:
  /// Decides from the first line which fields to take; true when that line is a header.
  bool choose_columns(const std::vector<std::string>& fields) {
    num_fields_ = fields.size();
    if (columns_.empty()) {
      wanted_.resize(fields.size());
      std::iota(wanted_.begin(), wanted_.end(), 0U);
      return std::none_of(fields.begin(), fields.end(),
                          [](const std::string& f) { return parse_real(f).has_value(); });
    }
    for (const std::string& column : columns_) {
      const auto found = std::find(fields.begin(), fields.end(), column);
      if (found == fields.end()) {
        fail(
            fmt::format("no column `{}` in the header line `{}`", column, fmt::join(fields, ", ")));
      }
      if (std::find(found + 1, fields.end(), column) != fields.end()) {
        fail(fmt::format("the header line has the column `{}` twice", column));
      }
      wanted_.push_back(static_cast<std::size_t>(found - fields.begin()));
    }
    return true;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::data, fmt::format("{}:{}: {}", name_, line_, what));
  }

  const std::string& name_;
  const std::vector<std::string>& columns_;
  std::size_t line_ = 0;
  std::size_t num_fields_ = 0;
  std::vector<std::size_t> wanted_;
  std::vector<double> numbers_;
};

}  // namespace

Eigen::MatrixXd parse_text_table(const std::string& name, const std::string& bytes,
                                 const std::vector<std::string>& columns) {
  if (bytes.find('\0') != std::string::npos) {
    throw Error(ErrorKind::data, name +
                                     ": expected a text file, found binary data; name the "
                                     "`dataset` of an HDF5 file");
  }
  TextTable table(name, columns);
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  std::istringstream lines(bytes.starts_with(byte_order_mark) ? bytes.substr(3) : bytes);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto first = line.find_first_not_of(" \t\r");
    if (first != std::string::npos && line[first] != '#') {
      table.add_line(number, line);
    }
  }
  return table.values();
}

}  // namespace invar::options
