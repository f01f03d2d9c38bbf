#include "umbridge_server/request_codec.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "invar/core/error.hpp"

namespace invar::umbridge_server {
namespace {

using Eigen::Index;

void put(const void* data, std::size_t size, std::vector<std::byte>& bytes) {
  const auto* const begin = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

void put(const Eigen::MatrixXd& matrix, std::vector<std::byte>& bytes) {
  const std::array<std::int64_t, 2> shape = {matrix.rows(), matrix.cols()};
  put(shape.data(), sizeof shape, bytes);
  put(matrix.data(), static_cast<std::size_t>(matrix.size()) * sizeof(double), bytes);
}

class Taker {
 public:
  explicit Taker(std::span<const std::byte> bytes) : bytes_(bytes) {}

  void take(void* data, std::size_t size) {
    INVAR_EXPECTS(size <= bytes_.size());
    if (size > 0) {
      std::memcpy(data, bytes_.data(), size);
    }
    bytes_ = bytes_.subspan(size);
  }

  Eigen::MatrixXd take_matrix() {
    std::array<std::int64_t, 2> shape{};
    take(shape.data(), sizeof shape);
    Eigen::MatrixXd matrix(static_cast<Index>(shape[0]), static_cast<Index>(shape[1]));
    take(matrix.data(), static_cast<std::size_t>(matrix.size()) * sizeof(double));
    return matrix;
  }

  [[nodiscard]] std::span<const std::byte> rest() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace

void encode(const model::ModelRequest& request, std::vector<std::byte>& bytes) {
  bytes.clear();
  put(&request.id, sizeof request.id, bytes);
  const std::uint8_t wants_jacobian = request.wants_jacobian ? 1 : 0;
  put(&wants_jacobian, sizeof wants_jacobian, bytes);
  put(request.parameters, bytes);
  put(request.directions, bytes);
  put(request.weights, bytes);
}

model::ModelRequest decode_request(std::span<const std::byte> bytes) {
  Taker from(bytes);
  std::int64_t id = -1;
  std::uint8_t wants_jacobian = 0;
  from.take(&id, sizeof id);
  from.take(&wants_jacobian, sizeof wants_jacobian);
  model::ModelRequest request(Eigen::VectorXd(from.take_matrix()), id);
  request.wants_jacobian = wants_jacobian != 0;
  request.directions = from.take_matrix();
  request.weights = from.take_matrix();
  return request;
}

void encode(const model::ModelResult& result, std::vector<std::byte>& bytes) {
  bytes.clear();
  put(&result.status, sizeof result.status, bytes);
  put(result.qois, bytes);
  put(result.jacobian, bytes);
  put(result.jacobian_vectors, bytes);
  put(result.vector_jacobians, bytes);
  put(result.message.data(), result.message.size(), bytes);
}

model::ModelResult decode_result(std::span<const std::byte> bytes) {
  Taker from(bytes);
  model::ModelResult result;
  from.take(&result.status, sizeof result.status);
  result.qois = from.take_matrix();
  result.jacobian = from.take_matrix();
  result.jacobian_vectors = from.take_matrix();
  result.vector_jacobians = from.take_matrix();
  const auto text = from.rest();
  result.message.assign(reinterpret_cast<const char*>(text.data()), text.size());
  return result;
}

}  // namespace invar::umbridge_server
