#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

// JSON that programs write, also those that do not keep to its letter.
namespace invar::dakota {

/// JSON in which objects keep their order and NaN, Infinity and -Infinity, which Python writes
/// though JSON does not know them, are texts; discarded where it is no JSON, or one that lies
/// deep in itself.
/// MPI: Local.
nlohmann::ordered_json parse_json(const std::string& text);

/// A number in JSON, which may be written as text.
/// MPI: Local.
std::optional<double> number_in(const nlohmann::ordered_json& value);

/// A piece of JSON as it may stand in a message.
/// MPI: Local.
std::string quoted_json(const nlohmann::ordered_json& value);

}  // namespace invar::dakota
