#include "invar/core/json_text.hpp"

#include <algorithm>

namespace invar::core {

int json_depth(std::string_view text) {
  int depth = 0;
  int greatest = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char at = text[i];
    if (is_in_string && at == '\\') {
      ++i;
    } else if (at == '"') {
      is_in_string = !is_in_string;
    } else if (!is_in_string && (at == '[' || at == '{')) {
      greatest = std::max(greatest, ++depth);
    } else if (!is_in_string && (at == ']' || at == '}')) {
      --depth;
    }
  }
  return greatest;
}

std::string with_quoted_words(std::string_view text, std::span<const std::string_view> words) {
  std::string quoted;
  quoted.reserve(text.size());
  bool is_in_string = false;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    const auto found =
        is_in_string ? words.end() : std::find_if(words.begin(), words.end(), [&](auto word) {
          return rest.starts_with(word);
        });
    if (found != words.end()) {
      quoted.append("\"").append(*found).append("\"");
      i += found->size();
      continue;
    }
    if (is_in_string && text[i] == '\\' && i + 1 < text.size()) {
      quoted += text[i++];
    } else if (text[i] == '"') {
      is_in_string = !is_in_string;
    }
    quoted += text[i++];
  }
  return quoted;
}

}  // namespace invar::core
