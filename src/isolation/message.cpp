#include "isolation/message.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

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

struct ResultHead {
  std::uint32_t status;
  std::uint32_t unused;
  std::uint64_t num_qois;
};
static_assert(std::is_trivially_copyable_v<ResultHead> && sizeof(ResultHead) == 16);

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

std::string_view bytes_of(const Eigen::VectorXd& values) {
  return {reinterpret_cast<const char*>(values.data()),
          static_cast<std::size_t>(values.size()) * sizeof(double)};
}

Eigen::VectorXd vector_of(std::string_view bytes) {
  Eigen::VectorXd values(static_cast<Eigen::Index>(bytes.size() / sizeof(double)));
  if (!bytes.empty()) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return values;
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

std::string encode_sizes(const Sizes& sizes) {
  return std::string(bytes_of(sizes));
}

std::optional<Sizes> decode_sizes(std::string_view body) {
  return body.size() == sizeof(Sizes) ? std::optional(value_at<Sizes>(body)) : std::nullopt;
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

std::string encode_parameters(const Eigen::VectorXd& parameters) {
  return std::string(bytes_of(parameters));
}

std::optional<Eigen::VectorXd> decode_parameters(std::string_view body) {
  return body.size() % sizeof(double) == 0 ? std::optional(vector_of(body)) : std::nullopt;
}

std::string encode_result(const model::ModelResult& result) {
  const ResultHead head{.status = static_cast<std::uint32_t>(result.status),
                        .unused = 0,
                        .num_qois = static_cast<std::uint64_t>(result.qois.size())};
  return std::string(bytes_of(head)).append(bytes_of(result.qois)).append(result.message);
}

std::optional<model::ModelResult> decode_result(std::string_view body) {
  if (body.size() < sizeof(ResultHead)) {
    return std::nullopt;
  }
  const auto head = value_at<ResultHead>(body);
  body.remove_prefix(sizeof head);
  if (head.status > static_cast<std::uint32_t>(Status::cancelled) ||
      head.num_qois > body.size() / sizeof(double)) {
    return std::nullopt;
  }
  const std::size_t size = head.num_qois * sizeof(double);
  return model::ModelResult{.status = static_cast<Status>(head.status),
                            .message = std::string(body.substr(size)),
                            .qois = vector_of(body.substr(0, size))};
}

}  // namespace invar::isolation
