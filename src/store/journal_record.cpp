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
  void put_wanted(const std::vector<method::WantedDerivatives>& wanted) {
    for (const method::WantedDerivatives& one : wanted) {
      put(static_cast<std::uint8_t>(one.jacobian ? 1 : 0));
      put_matrix(one.directions);
      put_matrix(one.weights);
    }
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
  std::vector<method::WantedDerivatives> get_wanted(Eigen::Index num_samples) {
    std::vector<method::WantedDerivatives> wanted;
    for (Eigen::Index i = 0; !rest_.empty() && i < num_samples; ++i) {
      method::WantedDerivatives& one = wanted.emplace_back();
      one.jacobian = get<std::uint8_t>() != 0;
      one.directions = get_matrix();
      one.weights = get_matrix();
    }
    return wanted;
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
  void finish() const { require(rest_.empty()); }

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
  out.put_wanted(batch.wanted);
  out.finish();
}

void encode_evaluation(std::string& record, std::int64_t round, std::int64_t sample,
                       const method::Evaluation& evaluation, double finished) {
  Encoder out(record, RecordKind::evaluation);
  out.put(round);
  out.put(sample);
  out.put(finished);
  out.put(evaluation.status);
  out.put(evaluation.wall_seconds);
  out.put(evaluation.group);
  out.put(evaluation.attempts);
  out.put_string(evaluation.host);
  out.put_string(evaluation.message);
  out.put_vector(evaluation.qois);
  out.put_derivatives(evaluation.derivatives);
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
  return kind == RecordKind::batch || kind == RecordKind::evaluation || kind == RecordKind::round;
}

method::Batch decode_batch(std::string_view payload) {
  Decoder in(payload);
  method::Batch batch;
  batch.round = in.get<std::int64_t>();
  batch.first_id = in.get<std::int64_t>();
  batch.points = in.get_matrix();
  batch.wanted = in.get_wanted(batch.points.cols());
  in.require(is_count(batch.round) && is_count(batch.first_id));
  in.finish();
  return batch;
}

EvaluationRecord decode_evaluation(std::string_view payload) {
  Decoder in(payload);
  EvaluationRecord record;
  record.round = in.get<std::int64_t>();
  record.sample = in.get<std::int64_t>();
  record.finished = in.get<double>();
  record.evaluation.status = in.get<method::Status>();
  record.evaluation.wall_seconds = in.get<double>();
  record.evaluation.group = in.get<std::int32_t>();
  record.evaluation.attempts = in.get<std::int32_t>();
  record.evaluation.host = in.get_string();
  record.evaluation.message = in.get_string();
  record.evaluation.qois = in.get_vector();
  record.evaluation.derivatives = in.get_derivatives();
  in.require(is_count(record.round) && is_count(record.sample) && std::isfinite(record.finished) &&
             record.evaluation.status <= method::Status::cancelled);
  in.finish();
  return record;
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
