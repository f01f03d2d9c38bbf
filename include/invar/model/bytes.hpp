#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "invar/model/model.hpp"

namespace invar::model {

// Requests and results with all that they carry, as bytes between processes of one kind of machine.
//
// MPI: Local.

/// Appends the bytes of a request or of a result.
void append_bytes(const ModelRequest& request, std::vector<std::byte>& bytes);
void append_bytes(const ModelResult& result, std::vector<std::byte>& bytes);

/// Takes a request or a result off the front of `bytes`.
/// @return none, and `bytes` in any state, when they do not begin with one
std::optional<ModelRequest> take_request(std::span<const std::byte>& bytes);
std::optional<ModelResult> take_result(std::span<const std::byte>& bytes);

}  // namespace invar::model
