#include "dakota/json.hpp"

#include <string_view>

#include <fmt/format.h>

#include "dakota/foreign_text.hpp"
#include "dakota/number.hpp"
#include "invar/core/json_depth.hpp"

namespace invar::dakota {
namespace {

using Json = nlohmann::ordered_json;

/// NaN, Infinity and -Infinity outside of texts as texts.
std::string with_quoted_specials(const std::string& text) {
  std::string mended;
  mended.reserve(text.size());
  bool is_in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_in_string && text[i] == '\\' && i + 1 < text.size()) {
      mended += text[i++];
    } else if (text[i] == '"') {
      is_in_string = !is_in_string;
    } else if (!is_in_string) {
      const char* found = nullptr;
      for (const char* special : {"NaN", "-Infinity", "Infinity"}) {
        if (found == nullptr && text.compare(i, std::string_view(special).size(), special) == 0) {
          found = special;
        }
      }
      if (found != nullptr) {
        mended += fmt::format("\"{}\"", found);
        i += std::string_view(found).size() - 1;
        continue;
      }
    }
    mended += text[i];
  }
  return mended;
}

}  // namespace

Json parse_json(const std::string& text) {
  return core::json_depth(text) <= core::greatest_json_depth
             ? Json::parse(with_quoted_specials(text), nullptr, false)
             : Json(Json::value_t::discarded);
}

std::optional<double> number_in(const Json& value) {
  if (value.is_number()) {
    return value.get<double>();
  }
  return value.is_string() ? parse_number(value.get<std::string>()) : std::nullopt;
}

std::string quoted_json(const Json& value) {
  return quoted(value.dump(-1, ' ', true, Json::error_handler_t::replace));
}

}  // namespace invar::dakota
