#include "evaluation/codec.hpp"

#include <cstring>
#include <type_traits>

#include "invar/core/error.hpp"

namespace invar::evaluation {
namespace {

struct ReplyHead {
  double wall_seconds;
  std::uint32_t status;
  std::uint32_t num_qois;
};
static_assert(std::is_trivially_copyable_v<ReplyHead> && sizeof(ReplyHead) == 16);

// Copying nothing from a null pointer is undefined.
std::byte* put(std::byte* at, const void* data, std::size_t size) {
  if (size > 0) {
    std::memcpy(at, data, size);
  }
  return at + size;
}

}  // namespace

void encode_task(std::int64_t id, const Eigen::Ref<const Eigen::VectorXd>& parameters,
                 std::vector<std::byte>& bytes) {
  const std::size_t size = static_cast<std::size_t>(parameters.size()) * sizeof(double);
  bytes.resize(sizeof id + size);
  put(put(bytes.data(), &id, sizeof id), parameters.data(), size);
}

void decode_task(std::span<const std::byte> bytes, Task& task) {
  INVAR_EXPECTS(bytes.size() >= sizeof task.id);
  std::memcpy(&task.id, bytes.data(), sizeof task.id);
  const std::size_t size = bytes.size() - sizeof task.id;
  task.parameters.resize(static_cast<Eigen::Index>(size / sizeof(double)));
  if (size > 0) {
    std::memcpy(task.parameters.data(), bytes.data() + sizeof task.id, size);
  }
}

void encode_reply(const method::Evaluation& evaluation, std::vector<std::byte>& bytes) {
  const ReplyHead head{.wall_seconds = evaluation.wall_seconds,
                       .status = static_cast<std::uint32_t>(evaluation.status),
                       .num_qois = static_cast<std::uint32_t>(evaluation.qois.size())};
  const std::size_t qois_size = head.num_qois * sizeof(double);
  bytes.resize(sizeof head + qois_size + evaluation.message.size());
  std::byte* at = put(bytes.data(), &head, sizeof head);
  at = put(at, evaluation.qois.data(), qois_size);
  put(at, evaluation.message.data(), evaluation.message.size());
}

std::optional<method::Evaluation> decode_reply(std::span<const std::byte> bytes) {
  ReplyHead head{};
  if (bytes.size() < sizeof head) {
    return std::nullopt;
  }
  std::memcpy(&head, bytes.data(), sizeof head);
  bytes = bytes.subspan(sizeof head);
  const std::size_t qois_size = head.num_qois * sizeof(double);
  if (bytes.size() < qois_size ||
      head.status > static_cast<std::uint32_t>(method::Status::cancelled)) {
    return std::nullopt;
  }
  method::Evaluation evaluation;
  evaluation.wall_seconds = head.wall_seconds;
  evaluation.status = static_cast<method::Status>(head.status);
  evaluation.qois.resize(static_cast<Eigen::Index>(head.num_qois));
  if (qois_size > 0) {
    std::memcpy(evaluation.qois.data(), bytes.data(), qois_size);
  }
  bytes = bytes.subspan(qois_size);
  evaluation.message.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return evaluation;
}

}  // namespace invar::evaluation
