#include "campaign/status_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "store/crc.hpp"

namespace invar::campaign {
namespace {

using nlohmann::json;

constexpr const char* checksum_key = "crc32c";

std::string checksum(const json& values) {
  store::Crc32c crc;
  crc.add(values.dump(-1, ' ', false, json::error_handler_t::replace));
  return fmt::format("{:08x}", crc.value());
}

/// The values of a text that is as it was written, or nothing.
std::optional<json> verified(const std::string& text) {
  json values = json::parse(text, nullptr, false);
  if (!values.is_object() || !values.contains(checksum_key)) {
    return std::nullopt;
  }
  const json stored = values[checksum_key];
  values.erase(checksum_key);
  return stored == checksum(values) ? std::optional(values) : std::nullopt;
}

template <class T>
void read(const json& values, const char* key, bool (json::*is_type)() const, T& value) {
  const auto found = values.find(key);
  if (found != values.end() && ((*found).*is_type)()) {
    value = found->get<T>();
  }
}

}  // namespace

std::string status_text(json values) {
  values[checksum_key] = checksum(values);
  return values.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

RecordedStatus read_status(const std::optional<std::string>& text) {
  RecordedStatus status;
  if (!text) {
    return status;
  }
  const std::optional<json> values = verified(*text);
  if (!values) {
    status.is_damaged = true;
    return status;
  }
  const auto is_string = static_cast<bool (json::*)() const>(&json::is_string);
  const auto is_number = static_cast<bool (json::*)() const>(&json::is_number);
  const auto is_integer = static_cast<bool (json::*)() const>(&json::is_number_integer);
  read(*values, "status", is_string, status.status);
  read(*values, "stop_reason", is_string, status.stop_reason);
  read(*values, "message", is_string, status.message);
  read(*values, "seconds", is_number, status.seconds);
  read(*values, "ranks", is_integer, status.ranks);
  return status;
}

}  // namespace invar::campaign
