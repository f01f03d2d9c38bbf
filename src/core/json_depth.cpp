#include "invar/core/json_depth.hpp"

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

}  // namespace invar::core
