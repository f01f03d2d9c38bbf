#include "isolation/message.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "invar/model/bytes.hpp"

namespace invar::isolation {
namespace {

constexpr std::array<char, 8> magic = {'i', 'n', 'v', 'a', 'r', '\x01', '\xfe', '\n'};

struct Head {
  std::array<char, 8> magic;
  std::uint32_t kind;
  std::uint32_t unused;
  std::int64_t id;
  std::uint64_t size;
};
static_assert(std::is_trivially_copyable_v<Head> && sizeof(Head) == 32);

// Beyond it a size is no size.
constexpr std::uint64_t largest_body = std::uint64_t{1} << 40U;

template <class Value>
Value value_at(std::string_view bytes) {
  Value value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

template <class Value>
std::string_view bytes_of(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// The bytes of a request or of a result.
template <class Whole>
std::string string_of(const Whole& whole) {
  std::vector<std::byte> bytes;
  model::append_bytes(whole, bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string frame(MessageKind kind, std::int64_t id, std::string_view body) {
  const Head head{.magic = magic,
                  .kind = static_cast<std::uint32_t>(kind),
                  .unused = 0,
                  .id = id,
                  .size = body.size()};
  std::string bytes;
  bytes.reserve(sizeof head + body.size());
  bytes.append(bytes_of(head)).append(body);
  return bytes;
}

std::optional<Message> Inbox::take() {
  if (!has_message()) {
    return std::nullopt;
  }
  const auto head = value_at<Head>(bytes_);
  Message message{.kind = static_cast<MessageKind>(head.kind),
                  .id = head.id,
                  .body = bytes_.substr(sizeof head, head.size)};
  bytes_.erase(0, sizeof head + head.size);
  return message;
}

bool Inbox::has_message() const {
  return bytes_.size() >= sizeof(Head) && !is_garbled() &&
         bytes_.size() - sizeof(Head) >= value_at<Head>(bytes_).size;
}

bool Inbox::is_garbled() const {
  const std::size_t known = std::min(bytes_.size(), magic.size());
  if (!std::equal(magic.begin(), magic.begin() + known, bytes_.begin())) {
    return true;
  }
  if (bytes_.size() < sizeof(Head)) {
    return false;
  }
  const auto head = value_at<Head>(bytes_);
  return head.kind < static_cast<std::uint32_t>(MessageKind::blueprint) ||
         head.kind > static_cast<std::uint32_t>(MessageKind::reply) || head.size > largest_body;
}

std::string encode_abilities(const Abilities& abilities) {
  return std::string(bytes_of(abilities));
}

std::optional<Abilities> decode_abilities(std::string_view body) {
  return body.size() == sizeof(Abilities) ? std::optional(value_at<Abilities>(body)) : std::nullopt;
}

std::string encode_refusal(const Refusal& refusal) {
  return std::string(bytes_of(refusal.kind)) + refusal.message;
}

std::optional<Refusal> decode_refusal(std::string_view body) {
  if (body.size() < sizeof(std::int32_t)) {
    return std::nullopt;
  }
  return Refusal{.kind = value_at<std::int32_t>(body),
                 .message = std::string(body.substr(sizeof(std::int32_t)))};
}

std::string encode_request(const model::ModelRequest& request) {
  return string_of(request);
}

std::optional<model::ModelRequest> decode_request(std::string_view body) {
  std::span<const std::byte> bytes = std::as_bytes(std::span(body));
  auto request = model::take_request(bytes);
  return bytes.empty() ? std::move(request) : std::nullopt;
}

std::string encode_result(const model::ModelResult& result) {
  return string_of(result);
}

std::optional<model::ModelResult> decode_result(std::string_view body) {
  std::span<const std::byte> bytes = std::as_bytes(std::span(body));
  auto result = model::take_result(bytes);
  return bytes.empty() ? std::move(result) : std::nullopt;
}

}  // namespace invar::isolation
