#include "invar/evaluation/time_limit.hpp"

#include <array>
#include <cmath>
#include <ctime>
#include <regex>
#include <utility>

namespace invar::evaluation {
namespace {

double number(const std::ssub_match& digits) {
  return digits.matched ? std::stod(digits.str()) : 0.0;
}

}  // namespace

std::optional<double> parse_duration(const std::string& text) {
  static const std::regex clock(R"((?:(?:(\d{1,5})-)?(\d{1,5}):)?(\d{1,5}):(\d{1,2}))");
  static const std::regex with_unit(R"((\d{1,9}(?:\.\d{1,9})?)\s*(s|min|h|d)?)");
  constexpr std::array<std::pair<const char*, double>, 4> units = {
      {{"s", 1.0}, {"min", 60.0}, {"h", 3600.0}, {"d", 86400.0}}};
  std::smatch parts;
  double seconds = 0;
  if (std::regex_match(text, parts, clock)) {
    seconds = ((number(parts[1]) * 24 + number(parts[2])) * 60 + number(parts[3])) * 60 +
              number(parts[4]);
  } else if (std::regex_match(text, parts, with_unit)) {
    seconds = number(parts[1]);
    for (const auto& [name, factor] : units) {
      seconds *= parts[2].str() == name ? factor : 1.0;
    }
  }
  return seconds > 0 ? std::optional(seconds) : std::nullopt;
}

std::optional<double> parse_moment(const std::string& text) {
  static const std::regex moment(R"((\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2}))?(Z)?)");
  std::smatch parts;
  if (!std::regex_match(text, parts, moment)) {
    return std::nullopt;
  }
  const auto part = [&parts](std::size_t i) { return static_cast<int>(number(parts[i])); };
  std::tm time{};
  time.tm_year = part(1) - 1900;
  time.tm_mon = part(2) - 1;
  time.tm_mday = part(3);
  time.tm_hour = part(4);
  time.tm_min = part(5);
  time.tm_sec = part(6);
  time.tm_isdst = -1;
  const std::tm asked = time;
  const std::time_t seconds = parts[7].matched ? ::timegm(&time) : std::mktime(&time);
  // The library rolls the 31st of April on to the 1st of May.
  const bool exists = time.tm_mon == asked.tm_mon && time.tm_mday == asked.tm_mday &&
                      time.tm_min == asked.tm_min && time.tm_sec == asked.tm_sec;
  return exists && seconds != -1 ? std::optional(static_cast<double>(seconds)) : std::nullopt;
}

}  // namespace invar::evaluation
