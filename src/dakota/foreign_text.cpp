#include "dakota/foreign_text.hpp"

#include <fmt/format.h>

namespace invar::dakota {
namespace {

/// Without blanks at its ends; line ends as " | ", other bytes beyond ASCII as question marks.
std::string printable(const std::string& text) {
  constexpr const char* blanks = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string::npos) {
    return {};
  }
  std::string line;
  for (std::size_t i = begin; i <= text.find_last_not_of(blanks); ++i) {
    const char c = text[i];
    if (c == '\n') {
      line += " | ";
    } else if (c == '\t' || (c >= ' ' && c <= '~')) {
      line += c;
    } else if (c != '\r') {
      line += '?';
    }
  }
  return line;
}

}  // namespace

std::string shortened(const std::string& text, std::size_t longest) {
  const std::string line = printable(text.substr(0, longest + 1));
  return line.size() <= longest ? line : fmt::format("{}...", line.substr(0, longest));
}

std::string last_lines(const std::string& text, std::size_t longest) {
  if (text.size() <= longest) {
    return printable(text);
  }
  const std::string end = text.substr(text.size() - longest);
  const std::size_t line_end = end.find('\n');
  const bool is_cut_at_line = line_end != std::string::npos && line_end + 1 < end.size();
  return fmt::format("...{}", printable(is_cut_at_line ? end.substr(line_end + 1) : end));
}

std::string quoted(const std::string& text) {
  return fmt::format("`{}`", shortened(text));
}

}  // namespace invar::dakota
