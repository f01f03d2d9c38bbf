#include "evaluation/codec.hpp"

#include <cstring>
#include <utility>

#include "invar/core/error.hpp"
#include "invar/model/bytes.hpp"

namespace invar::evaluation {

void encode_task(std::span<const model::ModelRequest> requests, std::vector<std::byte>& bytes) {
  bytes.clear();
  for (const model::ModelRequest& request : requests) {
    model::append_bytes(request, bytes);
  }
}

std::vector<model::ModelRequest> decode_task(std::span<const std::byte> bytes) {
  std::vector<model::ModelRequest> requests;
  while (!bytes.empty()) {
    auto request = model::take_request(bytes);
    INVAR_EXPECTS(request);
    requests.push_back(*std::move(request));
  }
  return requests;
}

void encode_reply(const ModelRun& run, std::vector<std::byte>& bytes) {
  bytes.resize(sizeof run.wall_seconds);
  std::memcpy(bytes.data(), &run.wall_seconds, sizeof run.wall_seconds);
  for (const model::ModelResult& result : run.results) {
    model::append_bytes(result, bytes);
  }
}

std::optional<ModelRun> decode_reply(std::span<const std::byte> bytes) {
  ModelRun run;
  if (bytes.size() < sizeof run.wall_seconds) {
    return std::nullopt;
  }
  std::memcpy(&run.wall_seconds, bytes.data(), sizeof run.wall_seconds);
  bytes = bytes.subspan(sizeof run.wall_seconds);
  while (!bytes.empty()) {
    auto result = model::take_result(bytes);
    if (!result) {
      return std::nullopt;
    }
    run.results.push_back(*std::move(result));
  }
  return run;
}

}  // namespace invar::evaluation
