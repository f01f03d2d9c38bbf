#include "model_process/template_text.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "dakota/foreign_text.hpp"
#include "invar/core/error.hpp"

namespace invar::model_process {
namespace {

std::string without_blanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos
             ? ""
             : std::string(text.substr(begin, text.find_last_not_of(" \t") + 1 - begin));
}

std::string formatted(double value, const std::string& format, const std::string& name) {
  try {
    return fmt::format(fmt::runtime("{:" + (format.empty() ? ".16e" : format) + "}"), value);
  } catch (const fmt::format_error& error) {
    throw Error(ErrorKind::config,
                fmt::format("expected a format such as .6e behind `{}:`, found {} ({})", name,
                            dakota::quoted(format), error.what()));
  }
}

}  // namespace

std::string render(const std::string& text, const std::vector<std::string>& names,
                   const Eigen::VectorXd& parameters) {
  std::string rendered;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find('{', at);
    if (open == std::string::npos) {
      break;
    }
    const bool is_double = text.compare(open, 2, "{{") == 0;
    const std::size_t begin = open + (is_double ? 2 : 1);
    const std::size_t end = text.find_first_of("{}\n", begin);
    const std::string_view close = is_double ? "}}" : "}";
    const bool is_closed = end != std::string::npos && text.compare(end, close.size(), close) == 0;
    if (!is_closed) {
      rendered.append(text, at, begin - at);
      at = begin;
      continue;
    }
    const std::string inside = text.substr(begin, end - begin);
    const std::size_t colon = std::min(inside.find(':'), inside.size());
    const std::string name = without_blanks(inside.substr(0, colon));
    const auto found = std::find(names.begin(), names.end(), name);
    const bool is_escaped =
        open > at && text[open - 1] == '\\' && (found != names.end() || is_double);
    rendered.append(text, at, open - at - (is_escaped ? 1 : 0));
    at = end + close.size();
    if (is_escaped || (found == names.end() && !is_double)) {
      rendered.append(text, open, at - open);
    } else if (found == names.end()) {
      throw Error(ErrorKind::config,
                  fmt::format("expected the name of a parameter between double braces, found {}",
                              dakota::quoted(inside)));
    } else {
      const std::string format =
          colon < inside.size() ? without_blanks(inside.substr(colon + 1)) : "";
      rendered += formatted(parameters[found - names.begin()], format, name);
    }
  }
  return rendered.append(text, std::min(at, text.size()));
}

}  // namespace invar::model_process
