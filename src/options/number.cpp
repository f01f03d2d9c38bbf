#include "options/number.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "invar/options/table.hpp"

namespace invar::options {
namespace {

bool is_scalar(const Cursor& at) {
  return at.present() && at.node->kind == Node::Kind::scalar;
}

/// A quoted scalar is text, never a number or a truth value.
bool is_plain(const Cursor& at) {
  return is_scalar(at) && !at.node->is_quoted;
}

std::optional<std::int64_t> parse_integer(const std::string& text) {
  const std::string digits = normalized(text);
  std::int64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, status] = std::from_chars(digits.data(), end, value);
  if (status == std::errc{} && stop == end) {
    return value;
  }
  const auto real = parse_real(text);  // 1e3, 1000.0
  if (!real || *real != std::floor(*real) || std::abs(*real) > 0x1p53) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*real);
}

std::string with_range(const char* what, const Range& range) {
  return fmt::format("expected {}{}{}", what, range.text().empty() ? "" : " ", range.text());
}

}  // namespace

std::optional<double> parse_real(std::string_view text) {
  std::string lower = normalized(std::string(text));
  if (lower.starts_with('+')) {
    lower.erase(0, 1);
    if (lower.starts_with('-')) {
      return std::nullopt;
    }
  }
  if (lower == ".inf" || lower == "inf") {
    return std::numeric_limits<double>::infinity();
  }
  if (lower == "-.inf" || lower == "-inf") {
    return -std::numeric_limits<double>::infinity();
  }
  if (lower == ".nan" || lower == "nan") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  double value = 0;
  const char* const end = lower.data() + lower.size();
  const auto [stop, status] = std::from_chars(lower.data(), end, value);
  if (status != std::errc{} || stop != end || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

bool Range::contains(double value) const {
  return !std::isnan(value) && (has_infinity || std::isfinite(value)) &&
         (is_lower_open ? value > lower : value >= lower) &&
         (is_upper_open ? value < upper : value <= upper);
}

std::string Range::text() const {
  const bool has_lower = std::isfinite(lower);
  const bool has_upper = std::isfinite(upper);
  const std::string infinity = has_infinity ? " or infinite" : "";
  if (has_lower && has_upper) {
    return fmt::format("in {}{}, {}{}", is_lower_open ? "(" : "[", real_text(lower),
                       real_text(upper), is_upper_open ? ")" : "]");
  }
  if (has_lower) {
    return (is_lower_open ? "> " : ">= ") + real_text(lower) + infinity;
  }
  if (has_upper) {
    return (is_upper_open ? "< " : "<= ") + real_text(upper) + infinity;
  }
  return "";
}

std::optional<double> read_real(const Cursor& at, const Range& range) {
  if (!at.present()) {
    return std::nullopt;
  }
  const auto value = is_plain(at) ? parse_real(at.node->scalar) : std::nullopt;
  if (!value || !range.contains(*value)) {
    at.problem(with_range("a number", range) + ", found " + at.node->description());
    return std::nullopt;
  }
  return value;
}

std::optional<std::int64_t> read_integer(const Cursor& at, const Range& range) {
  if (!at.present()) {
    return std::nullopt;
  }
  const auto value = is_plain(at) ? parse_integer(at.node->scalar) : std::nullopt;
  if (!value || !range.contains(static_cast<double>(*value))) {
    at.problem(with_range("a whole number", range) + ", found " + at.node->description());
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint64_t> read_seed(const Cursor& at) {
  if (!at.present()) {
    return std::nullopt;
  }
  const std::string text = is_scalar(at) ? normalized(at.node->scalar) : "";
  std::uint64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) {
    at.problem("expected a whole number in [0, 2^64), found " + at.node->description());
    return std::nullopt;
  }
  return value;
}

std::optional<bool> read_boolean(const Cursor& at) {
  if (!at.present()) {
    return std::nullopt;
  }
  const std::string text = is_plain(at) ? normalized(at.node->scalar) : "";
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

}  // namespace invar::options
