#include "invar/model/bytes.hpp"

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace invar::model {
namespace {

struct Shape {
  std::int64_t rows;
  std::int64_t columns;
};

struct RequestHead {
  std::int64_t id;
  std::int64_t wants_jacobian;
  std::int64_t num_parameters;
  Shape directions;
  Shape weights;
};

struct ResultHead {
  std::uint64_t status;
  std::uint64_t message_bytes;
  std::int64_t num_qois;
  Shape jacobian;
  Shape jacobian_vectors;
  Shape vector_jacobians;
};

Shape shape_of(const Eigen::MatrixXd& matrix) {
  return {.rows = matrix.rows(), .columns = matrix.cols()};
}

/// Writes into space that was made before, which is faster than to append part by part.
class Writer {
 public:
  Writer(std::vector<std::byte>& bytes, std::size_t size) {
    const std::size_t old_size = bytes.size();
    bytes.resize(old_size + size);
    at_ = bytes.data() + old_size;
  }

  void put(const void* data, std::size_t size) {
    if (size > 0) {  // copying nothing from a null pointer is undefined
      std::memcpy(at_, data, size);
      at_ += size;
    }
  }
  template <class Numbers>
  void put_numbers(const Numbers& numbers) {
    put(numbers.data(), static_cast<std::size_t>(numbers.size()) * sizeof(double));
  }

 private:
  std::byte* at_ = nullptr;
};

std::size_t num_bytes(Eigen::Index num_numbers) {
  return static_cast<std::size_t>(num_numbers) * sizeof(double);
}

class Reader {
 public:
  explicit Reader(std::span<const std::byte>& bytes) : bytes_(bytes) {}

  /// False from the first time on that something was not there.
  [[nodiscard]] bool is_sound() const { return is_sound_; }

  template <class Head>
  Head head() {
    static_assert(std::is_trivially_copyable_v<Head>);
    Head value{};
    copy(&value, sizeof value);
    return value;
  }
  Eigen::MatrixXd matrix(const Shape& shape) { return numbers<Eigen::MatrixXd>(shape); }
  Eigen::VectorXd vector(std::int64_t size) {
    return numbers<Eigen::VectorXd>({.rows = size, .columns = 1});
  }
  std::string text(std::uint64_t size) {
    if (size > bytes_.size()) {
      is_sound_ = false;
      return {};
    }
    std::string value(size, '\0');
    copy(value.data(), size);
    return value;
  }

 private:
  template <class Numbers>
  Numbers numbers(const Shape& shape) {
    const auto have = static_cast<std::int64_t>(bytes_.size() / sizeof(double));
    if (shape.rows < 0 || shape.columns < 0 ||
        (shape.rows > 0 && shape.columns > have / shape.rows)) {
      is_sound_ = false;
    }
    if (!is_sound_) {
      return {};
    }
    Numbers values(shape.rows, shape.columns);
    copy(values.data(), num_bytes(values.size()));
    return values;
  }
  void copy(void* data, std::size_t size) {
    is_sound_ = is_sound_ && size <= bytes_.size();
    if (is_sound_ && size > 0) {
      std::memcpy(data, bytes_.data(), size);
      bytes_ = bytes_.subspan(size);
    }
  }

  std::span<const std::byte>& bytes_;
  bool is_sound_ = true;
};

}  // namespace

void append_bytes(const ModelRequest& request, std::vector<std::byte>& bytes) {
  const RequestHead head{.id = request.id,
                         .wants_jacobian = request.wants_jacobian ? 1 : 0,
                         .num_parameters = request.parameters.size(),
                         .directions = shape_of(request.directions),
                         .weights = shape_of(request.weights)};
  Writer out(bytes, sizeof head + num_bytes(request.parameters.size() + request.directions.size() +
                                            request.weights.size()));
  out.put(&head, sizeof head);
  out.put_numbers(request.parameters);
  out.put_numbers(request.directions);
  out.put_numbers(request.weights);
}

void append_bytes(const ModelResult& result, std::vector<std::byte>& bytes) {
  const ResultHead head{.status = static_cast<std::uint64_t>(result.status),
                        .message_bytes = result.message.size(),
                        .num_qois = result.qois.size(),
                        .jacobian = shape_of(result.jacobian),
                        .jacobian_vectors = shape_of(result.jacobian_vectors),
                        .vector_jacobians = shape_of(result.vector_jacobians)};
  Writer out(bytes, sizeof head + result.message.size() +
                        num_bytes(result.qois.size() + result.jacobian.size() +
                                  result.jacobian_vectors.size() + result.vector_jacobians.size()));
  out.put(&head, sizeof head);
  out.put_numbers(result.qois);
  out.put_numbers(result.jacobian);
  out.put_numbers(result.jacobian_vectors);
  out.put_numbers(result.vector_jacobians);
  out.put(result.message.data(), result.message.size());
}

std::optional<ModelRequest> take_request(std::span<const std::byte>& bytes) {
  Reader in(bytes);
  const auto head = in.head<RequestHead>();
  ModelRequest request(in.vector(head.num_parameters), head.id);
  request.wants_jacobian = head.wants_jacobian != 0;
  request.directions = in.matrix(head.directions);
  request.weights = in.matrix(head.weights);
  return in.is_sound() ? std::optional(std::move(request)) : std::nullopt;
}

std::optional<ModelResult> take_result(std::span<const std::byte>& bytes) {
  Reader in(bytes);
  const auto head = in.head<ResultHead>();
  if (head.status > static_cast<std::uint64_t>(Status::cancelled)) {
    return std::nullopt;
  }
  ModelResult result;
  result.status = static_cast<Status>(head.status);
  result.qois = in.vector(head.num_qois);
  result.jacobian = in.matrix(head.jacobian);
  result.jacobian_vectors = in.matrix(head.jacobian_vectors);
  result.vector_jacobians = in.matrix(head.vector_jacobians);
  result.message = in.text(head.message_bytes);
  return in.is_sound() ? std::optional(std::move(result)) : std::nullopt;
}

}  // namespace invar::model
