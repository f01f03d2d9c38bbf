#include "dakota/number.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

namespace invar::dakota {

std::string exact(double value) {
  return fmt::format("{:.16e}", value);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::optional<double> parse_number(std::string_view word) {
  std::string text(word.substr(word.starts_with('+') ? 1 : 0));
  if (text.empty() || text.starts_with('+') || (word.starts_with('+') && text.starts_with('-'))) {
    return std::nullopt;
  }
  const std::string lower = lower_case(text);
  if (lower.find_first_of("ainf") == std::string::npos) {
    std::replace(text.begin(), text.end(), 'D', 'e');
    std::replace(text.begin(), text.end(), 'd', 'e');
  }
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem == std::errc::invalid_argument || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return problem == std::errc::result_out_of_range ? std::strtod(text.c_str(), nullptr) : value;
}

}  // namespace invar::dakota
