#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "evaluation/run_model.hpp"

namespace invar::evaluation {

// What the manager and the groups say to each other; the bytes of this machine. Each `encode`
// replaces `bytes`.

/// A task: what a group is to run in one go.
void encode_task(std::span<const model::ModelRequest> requests, std::vector<std::byte>& bytes);
/// @pre bytes come from `encode_task`
std::vector<model::ModelRequest> decode_task(std::span<const std::byte> bytes);

/// A reply: what came of it.
void encode_reply(const ModelRun& run, std::vector<std::byte>& bytes);
/// None when the bytes are no reply.
std::optional<ModelRun> decode_reply(std::span<const std::byte> bytes);

}  // namespace invar::evaluation
