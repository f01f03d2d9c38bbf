#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "invar/model/model.hpp"

namespace invar::umbridge_server {

/// Requests and results with all that they carry, as bytes between ranks of one job.
///
/// MPI: Local.
void encode(const model::ModelRequest& request, std::vector<std::byte>& bytes);
void encode(const model::ModelResult& result, std::vector<std::byte>& bytes);

/// @pre the bytes are what `encode` made
model::ModelRequest decode_request(std::span<const std::byte> bytes);
model::ModelResult decode_result(std::span<const std::byte> bytes);

}  // namespace invar::umbridge_server
