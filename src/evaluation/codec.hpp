#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "invar/method/evaluation.hpp"

namespace invar::evaluation {

/// A task is the sample's id in the campaign and its parameters; the bytes of this machine.
void encode_task(std::int64_t id, const Eigen::Ref<const Eigen::VectorXd>& parameters,
                 std::vector<std::byte>& bytes);

struct Task {
  std::int64_t id = 0;
  Eigen::VectorXd parameters;
};

/// @pre bytes come from `encode_task`
void decode_task(std::span<const std::byte> bytes, Task& task);

/// A reply is an evaluation without group, attempts and host, which the manager knows.
void encode_reply(const method::Evaluation& evaluation, std::vector<std::byte>& bytes);

/// None when the bytes are no reply.
std::optional<method::Evaluation> decode_reply(std::span<const std::byte> bytes);

}  // namespace invar::evaluation
