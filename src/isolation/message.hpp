#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "invar/model/model.hpp"

// What a worker and the process that runs its model say to each other: frames over a stream, in the
// bytes of this machine.
namespace invar::isolation {

enum class MessageKind : std::uint32_t {
  blueprint = 1,  // worker: what the model is made from
  ready = 2,      // process: the model stands; what it can
  refused = 3,    // process: it could not be made; the error
  request = 4,    // worker: the request for a run
  reply = 5,      // process: what it gave
};

struct Message {
  MessageKind kind = MessageKind::blueprint;
  std::int64_t id = -1;  // of the evaluation
  std::string body;
};

/// A message as a frame.
std::string frame(MessageKind kind, std::int64_t id, std::string_view body);

/// Cuts a stream into messages again.
class Inbox {
 public:
  void append(const char* data, std::size_t size) { bytes_.append(data, size); }

  /// The next message that is whole. None while one is under way, and once the stream is garbled.
  std::optional<Message> take();

  /// Whether `take` would give one.
  [[nodiscard]] bool has_message() const;

  /// Whether what came is no frame; as soon as it can be known.
  [[nodiscard]] bool is_garbled() const;

 private:
  std::string bytes_;
};

/// What the process has made.
struct Abilities {
  std::int64_t num_parameters = 0;
  std::int64_t num_qois = 0;
  model::Capabilities derivatives = {};
};

struct Refusal {
  std::int32_t kind = 0;  // of an `Error`; 0 for other exceptions
  std::string message;
};

// Bodies; the decoders give none where the bytes are no such body.
std::string encode_abilities(const Abilities& abilities);
std::optional<Abilities> decode_abilities(std::string_view body);
std::string encode_refusal(const Refusal& refusal);
std::optional<Refusal> decode_refusal(std::string_view body);
std::string encode_request(const model::ModelRequest& request);
std::optional<model::ModelRequest> decode_request(std::string_view body);
std::string encode_result(const model::ModelResult& result);
std::optional<model::ModelResult> decode_result(std::string_view body);

}  // namespace invar::isolation
