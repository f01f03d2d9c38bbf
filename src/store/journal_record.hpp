#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <Eigen/Core>

#include "store/speculative_runs.hpp"
#include "store/stored_round.hpp"

namespace invar::store {

enum class RecordKind : std::uint8_t {
  batch = 'B',
  evaluation = 'E',
  evaluation_ran_ahead = 'A',
  round = 'R',
  speculative = 'S',
};

struct EvaluationRecord {
  std::int64_t round = 0;
  std::int64_t sample = 0;
  double finished = 0.0;
  method::Evaluation evaluation;
  std::int64_t speculative = -1;  // number of the run that it was before it was asked for
};

// Each replaces `record` with a whole record.
void encode_batch(std::string& record, const method::Batch& batch);
void encode_evaluation(std::string& record, const EvaluationRecord& evaluation);
void encode_speculative(std::string& record, const SpeculativeRun& run);
void encode_round(std::string& record, std::int64_t round, const RoundRow& row);

struct RoundRecord {
  std::int64_t round = 0;
  RoundRow row;
};

/// The payload of the record at the beginning of `bytes`, or nothing when it is torn or damaged.
std::optional<std::string_view> next_payload(std::string_view bytes);

/// Bytes of a record before its payload.
inline constexpr std::size_t record_head_bytes = 8;

RecordKind record_kind(std::string_view payload);
bool is_known_kind(std::string_view payload);

// @throws Error(data)  when the payload, sound as it is, is not one of this version
method::Batch decode_batch(std::string_view payload);
EvaluationRecord decode_evaluation(std::string_view payload);  // of both kinds
SpeculativeRun decode_speculative(std::string_view payload);
RoundRecord decode_round(std::string_view payload);

}  // namespace invar::store
