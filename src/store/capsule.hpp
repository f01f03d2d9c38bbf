#pragma once

#include <cstdint>
#include <filesystem>

#include "invar/method/evaluation.hpp"

namespace invar::store {

/// Writes failed/ID/evaluation.json: a failed evaluation with all that is needed to look at it, or
/// to run it again. A capsule that is there already stays.
///
/// Not synced: the journal has the same, and opening the campaign writes the missing ones again;
/// `sync_capsules` comes before a journal goes.
/// @throws Error(io)
void write_capsule(const std::filesystem::path& campaign, const method::Batch& batch,
                   Eigen::Index sample, const method::Evaluation& evaluation, double finished);

/// Removes the capsule of an evaluation that was repeated.
void remove_capsule(const std::filesystem::path& campaign, std::int64_t id);

/// Makes all capsules survive a power failure.
void sync_capsules(const std::filesystem::path& campaign);

}  // namespace invar::store
