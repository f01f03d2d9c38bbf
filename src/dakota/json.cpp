#include "dakota/json.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "dakota/foreign_text.hpp"
#include "dakota/number.hpp"
#include "invar/core/json_text.hpp"

namespace invar::dakota {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> specials = {"NaN", "-Infinity", "Infinity"};

}  // namespace

Json parse_json(const std::string& text) {
  return core::json_depth(text) <= core::greatest_json_depth
             ? Json::parse(core::with_quoted_words(text, specials), nullptr, false)
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
