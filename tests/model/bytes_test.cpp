#include "invar/model/bytes.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace invar::model {
namespace {

ModelRequest full_request() {
  ModelRequest request(Eigen::Vector3d(1.0 / 3, -0.0, 5e-324), 17);
  request.wants_jacobian = true;
  request.directions = Eigen::MatrixXd::Random(3, 2);
  request.weights = Eigen::MatrixXd::Random(5, 1);
  return request;
}

ModelResult full_result() {
  ModelResult result{.status = Status::timeout, .message = "late"};
  result.qois = Eigen::Vector2d(std::numeric_limits<double>::infinity(), -0.0);
  result.jacobian = Eigen::MatrixXd::Random(2, 3);
  result.jacobian_vectors = Eigen::MatrixXd::Random(2, 1);
  result.vector_jacobians = Eigen::MatrixXd::Random(3, 4);
  return result;
}

template <class Whole>
std::vector<std::byte> bytes_of(const Whole& whole) {
  std::vector<std::byte> bytes;
  append_bytes(whole, bytes);
  return bytes;
}

TEST(Bytes, KeepRequestsToTheBit) {
  const ModelRequest request = full_request();
  const auto bytes = bytes_of(request);
  std::span<const std::byte> rest(bytes);

  const auto same = take_request(rest);

  ASSERT_TRUE(same);
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(same->parameters, request.parameters);
  EXPECT_TRUE(std::signbit(same->parameters[1]));
  EXPECT_EQ(same->id, 17);
  EXPECT_TRUE(same->wants_jacobian);
  EXPECT_EQ(same->directions, request.directions);
  EXPECT_EQ(same->weights, request.weights);
}

TEST(Bytes, KeepResultsToTheBit) {
  const ModelResult result = full_result();
  const auto bytes = bytes_of(result);
  std::span<const std::byte> rest(bytes);

  const auto same = take_result(rest);

  ASSERT_TRUE(same);
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(same->status, Status::timeout);
  EXPECT_EQ(same->message, "late");
  EXPECT_EQ(same->qois, result.qois);
  EXPECT_TRUE(std::signbit(same->qois[1]));
  EXPECT_EQ(same->jacobian, result.jacobian);
  EXPECT_EQ(same->jacobian_vectors, result.jacobian_vectors);
  EXPECT_EQ(same->vector_jacobians, result.vector_jacobians);
}

TEST(Bytes, AreTakenOneAfterTheOther) {
  std::vector<std::byte> bytes;
  append_bytes(ModelRequest(Eigen::Vector2d(1, 2), 3), bytes);
  append_bytes(full_request(), bytes);
  std::span<const std::byte> rest(bytes);

  const auto first = take_request(rest);
  const auto second = take_request(rest);

  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->id, 3);
  EXPECT_FALSE(first->wants_jacobian);
  EXPECT_EQ(second->id, 17);
  EXPECT_TRUE(rest.empty());
}

TEST(Bytes, AreRefusedWhereverTheyEndTooSoon) {
  const auto request = bytes_of(full_request());
  const auto result = bytes_of(full_result());

  for (std::size_t size = 0; size < request.size(); ++size) {
    std::span<const std::byte> part = std::span(request).first(size);
    EXPECT_FALSE(take_request(part)) << size;
  }
  for (std::size_t size = 0; size < result.size(); ++size) {
    std::span<const std::byte> part = std::span(result).first(size);
    EXPECT_FALSE(take_result(part)) << size;
  }
}

TEST(Bytes, AreRefusedWithSizesThatCannotBe) {
  const auto sound = bytes_of(full_result());
  // The status, and then every size: of the message, the QoIs, and three shapes.
  for (std::size_t field = 0; field < 9; ++field) {
    for (const int value : {0x7f, 0xff}) {
      auto bytes = sound;
      for (std::size_t i = 0; i < 8; ++i) {
        bytes[8 * field + i] = static_cast<std::byte>(value);
      }
      std::span<const std::byte> rest(bytes);
      EXPECT_FALSE(take_result(rest)) << field;
    }
  }
}

}  // namespace
}  // namespace invar::model
