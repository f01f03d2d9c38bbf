#include "store/journal_record.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "invar/core/error.hpp"
#include "store/crc.hpp"

namespace invar::store {
namespace {

static_assert(std::endian::native == std::endian::little, "journals are little-endian");

class Encoder {
 public:
  Encoder(std::string& record, RecordKind kind) : record_(record) {
    record_.assign(record_head_bytes, '\0');
    put(kind);
  }

  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    record_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put_string(std::string_view string) {
    put(static_cast<std::uint64_t>(string.size()));
    record_.append(string);
  }
  void put_matrix(const Eigen::Ref<const Eigen::MatrixXd>& matrix) {
    put(static_cast<std::int64_t>(matrix.rows()));
    put(static_cast<std::int64_t>(matrix.cols()));
    record_.append(reinterpret_cast<const char*>(matrix.data()),
                   static_cast<std::size_t>(matrix.size()) * sizeof(double));
  }
  void put_vector(const Eigen::VectorXd& vector) { put_matrix(vector); }
  void put_wanted(const method::WantedDerivatives& wanted) {
    put(static_cast<std::uint8_t>(wanted.jacobian ? 1 : 0));
    put_matrix(wanted.directions);
    put_matrix(wanted.weights);
  }
  void put_evaluation(const method::Evaluation& evaluation, double finished) {
    put(finished);
    put(evaluation.status);
    put(evaluation.wall_seconds);
    put(evaluation.group);
    put(evaluation.attempts);
    put_string(evaluation.host);
    put_string(evaluation.message);
    put_vector(evaluation.qois);
    put_derivatives(evaluation.derivatives);
  }
  void put_derivatives(const method::Derivatives& derivatives) {
    if (derivatives.is_empty()) {
      return;  // most have none
    }
    put_matrix(derivatives.jacobian);
    put_matrix(derivatives.jacobian_vectors);
    put_matrix(derivatives.vector_jacobians);
  }

  void finish() {
    const std::string_view payload = std::string_view(record_).substr(record_head_bytes);
    if (payload.size() > std::numeric_limits<std::uint32_t>::max()) {
      throw Error(ErrorKind::data,
                  "a batch of 4 GiB or more cannot be journalled; make it smaller");
    }
    Crc32c crc;
    crc.add(payload);
    const auto length = static_cast<std::uint32_t>(payload.size());
    const std::uint32_t checksum = crc.value();
    std::memcpy(record_.data(), &length, sizeof length);
    std::memcpy(record_.data() + sizeof length, &checksum, sizeof checksum);
  }

 private:
  std::string& record_;
};

/// Whether a number counts rounds, samples or evaluations: sums of a few do not overflow.
bool is_count(std::int64_t number) {
  return number >= 0 && number < std::int64_t{1} << 60;
}

class Decoder {
 public:
  explicit Decoder(std::string_view payload) : rest_(payload.substr(1)) {}

  template <class T>
  T get() {
    T value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string get_string() { return std::string(take(get<std::uint64_t>())); }
  Eigen::MatrixXd get_matrix() {
    const auto rows = get<std::int64_t>();
    const auto cols = get<std::int64_t>();
    const auto have = static_cast<std::int64_t>(rest_.size() / sizeof(double));
    if (rows < 0 || cols < 0 || (rows > 0 && cols > have / rows) || (rows == 0 && cols > 1)) {
      throw_nonsense();
    }
    Eigen::MatrixXd matrix(rows, cols);
    const auto bytes = static_cast<std::size_t>(matrix.size()) * sizeof(double);
    if (bytes > 0) {
      std::memcpy(matrix.data(), take(bytes).data(), bytes);
    }
    return matrix;
  }
  Eigen::VectorXd get_vector() {
    Eigen::MatrixXd matrix = get_matrix();
    if (matrix.cols() != 1) {
      throw_nonsense();
    }
    return matrix;
  }
  method::WantedDerivatives get_wanted() {
    method::WantedDerivatives wanted;
    wanted.jacobian = get<std::uint8_t>() != 0;
    wanted.directions = get_matrix();
    wanted.weights = get_matrix();
    return wanted;
  }
  method::Evaluation get_evaluation(double& finished) {
    method::Evaluation evaluation;
    finished = get<double>();
    evaluation.status = get<method::Status>();
    evaluation.wall_seconds = get<double>();
    evaluation.group = get<std::int32_t>();
    evaluation.attempts = get<std::int32_t>();
    evaluation.host = get_string();
    evaluation.message = get_string();
    evaluation.qois = get_vector();
    evaluation.derivatives = get_derivatives();
    require(std::isfinite(finished) && evaluation.status <= method::Status::cancelled);
    return evaluation;
  }
  method::Derivatives get_derivatives() {
    method::Derivatives derivatives;
    if (!rest_.empty()) {
      derivatives.jacobian = get_matrix();
      derivatives.jacobian_vectors = get_matrix();
      derivatives.vector_jacobians = get_matrix();
    }
    return derivatives;
  }
  void require(bool is_sound) const {
    if (!is_sound) {
      throw_nonsense();
    }
  }
  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }
  void finish() const { require(is_at_end()); }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) {
      throw_nonsense();
    }
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  [[noreturn]] static void throw_nonsense() {
    throw Error(ErrorKind::data,
                "a record with a right checksum makes no sense; the journal was "
                "written by another version of invar");
  }

  std::string_view rest_;
};

}  // namespace

void encode_batch(std::string& record, const method::Batch& batch) {
  Encoder out(record, RecordKind::batch);
  out.put(batch.round);
  out.put(batch.first_id);
  out.put_matrix(batch.points);
  for (const method::WantedDerivatives& wanted : batch.wanted) {
    out.put_wanted(wanted);
  }
  out.finish();
}

void encode_evaluation(std::string& record, const EvaluationRecord& evaluation) {
  const bool ran_ahead = evaluation.evaluation.ran_ahead;
  Encoder out(record, ran_ahead ? RecordKind::evaluation_ran_ahead : RecordKind::evaluation);
  if (ran_ahead) {
    out.put(evaluation.speculative);
  }
  out.put(evaluation.round);
  out.put(evaluation.sample);
  out.put_evaluation(evaluation.evaluation, evaluation.finished);
  out.finish();
}

void encode_speculative(std::string& record, const SpeculativeRun& run) {
  Encoder out(record, RecordKind::speculative);
  out.put(run.number);
  out.put(run.round);
  out.put_vector(run.question.point);
  out.put_wanted(run.question.wanted);
  out.put_evaluation(run.evaluation, run.finished);
  out.finish();
}

void encode_round(std::string& record, std::int64_t round, const RoundRow& row) {
  Encoder out(record, RecordKind::round);
  out.put(round);
  out.put(row.seconds);
  out.put(static_cast<std::uint64_t>(row.scalars.size()));
  for (const auto& [name, value] : row.scalars) {
    out.put_string(name);
    out.put(value);
  }
  out.put_vector(row.mean);
  out.put_vector(row.std);
  out.put_vector(row.proposal_mean);
  out.put_vector(row.proposal_std);
  out.put_string(row.messages);
  out.finish();
}

std::optional<std::string_view> next_payload(std::string_view bytes) {
  std::uint32_t length = 0;
  std::uint32_t checksum = 0;
  if (bytes.size() < record_head_bytes) {
    return std::nullopt;
  }
  std::memcpy(&length, bytes.data(), sizeof length);
  std::memcpy(&checksum, bytes.data() + sizeof length, sizeof checksum);
  bytes.remove_prefix(record_head_bytes);
  if (length == 0 || length > bytes.size()) {  // zeros would pass: the CRC of nothing is 0
    return std::nullopt;
  }
  const std::string_view payload = bytes.substr(0, length);
  Crc32c crc;
  crc.add(payload);
  return crc.value() == checksum ? std::optional(payload) : std::nullopt;
}

RecordKind record_kind(std::string_view payload) {
  return static_cast<RecordKind>(payload.front());
}

bool is_known_kind(std::string_view payload) {
  const RecordKind kind = record_kind(payload);
  return kind == RecordKind::batch || kind == RecordKind::evaluation ||
         kind == RecordKind::evaluation_ran_ahead || kind == RecordKind::round ||
         kind == RecordKind::speculative;
}

method::Batch decode_batch(std::string_view payload) {
  Decoder in(payload);
  method::Batch batch;
  batch.round = in.get<std::int64_t>();
  batch.first_id = in.get<std::int64_t>();
  batch.points = in.get_matrix();
  for (Eigen::Index i = 0; !in.is_at_end() && i < batch.points.cols(); ++i) {
    batch.wanted.push_back(in.get_wanted());
  }
  in.require(is_count(batch.round) && is_count(batch.first_id));
  in.finish();
  return batch;
}

EvaluationRecord decode_evaluation(std::string_view payload) {
  Decoder in(payload);
  EvaluationRecord record;
  const bool ran_ahead = record_kind(payload) == RecordKind::evaluation_ran_ahead;
  if (ran_ahead) {
    record.speculative = in.get<std::int64_t>();
  }
  record.round = in.get<std::int64_t>();
  record.sample = in.get<std::int64_t>();
  record.evaluation = in.get_evaluation(record.finished);
  record.evaluation.ran_ahead = ran_ahead;
  in.require(is_count(record.round) && is_count(record.sample));
  in.finish();
  return record;
}

SpeculativeRun decode_speculative(std::string_view payload) {
  Decoder in(payload);
  SpeculativeRun run;
  run.number = in.get<std::int64_t>();
  run.round = in.get<std::int64_t>();
  run.question.point = in.get_vector();
  run.question.wanted = in.get_wanted();
  run.evaluation = in.get_evaluation(run.finished);
  run.evaluation.ran_ahead = true;
  in.require(is_count(run.number) && is_count(run.round));
  in.finish();
  return run;
}

RoundRecord decode_round(std::string_view payload) {
  Decoder in(payload);
  RoundRecord record;
  record.round = in.get<std::int64_t>();
  record.row.seconds = in.get<double>();
  const auto num_scalars = in.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < num_scalars; ++i) {
    std::string name = in.get_string();
    const auto value = in.get<double>();
    record.row.scalars.emplace_back(std::move(name), value);
  }
  record.row.mean = in.get_vector();
  record.row.std = in.get_vector();
  record.row.proposal_mean = in.get_vector();
  record.row.proposal_std = in.get_vector();
  record.row.messages = in.get_string();
  in.require(is_count(record.round) && record.row.mean.size() == record.row.std.size() &&
             record.row.proposal_mean.size() == record.row.proposal_std.size());
  in.finish();
  return record;
}

}  // namespace invar::store
