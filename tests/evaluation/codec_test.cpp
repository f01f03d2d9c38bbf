#include "evaluation/codec.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace {

using namespace invar::evaluation;
using invar::method::Evaluation;
using invar::method::Status;

TEST(Codec, CarriesATask) {
  const Eigen::Vector3d parameters(1.5, -0.0, std::numeric_limits<double>::infinity());
  std::vector<std::byte> bytes;
  Task task;

  encode_task(-7, parameters, bytes);
  decode_task(bytes, task);

  EXPECT_EQ(task.id, -7);
  EXPECT_EQ(task.parameters, parameters);
}

TEST(Codec, CarriesAReply) {
  Evaluation sent;
  sent.status = Status::non_finite;
  sent.qois = Eigen::Vector2d(3, std::numeric_limits<double>::quiet_NaN());
  sent.message = "QoI 1 is nan";
  sent.wall_seconds = 0.25;
  std::vector<std::byte> bytes;

  encode_reply(sent, bytes);
  const auto found = decode_reply(bytes);

  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->status, sent.status);
  EXPECT_EQ(found->qois[0], 3);
  EXPECT_TRUE(std::isnan(found->qois[1]));
  EXPECT_EQ(found->message, sent.message);
  EXPECT_EQ(found->wall_seconds, 0.25);
}

TEST(Codec, CarriesAReplyWithoutQoisAndMessage) {
  std::vector<std::byte> bytes;

  encode_reply({}, bytes);
  const auto found = decode_reply(bytes);

  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->qois.size(), 0);
  EXPECT_EQ(found->message, "");
}

TEST(Codec, RefusesBytesThatAreNoReply) {
  Evaluation sent;
  sent.qois = Eigen::Vector2d(1, 2);
  std::vector<std::byte> bytes;
  encode_reply(sent, bytes);

  EXPECT_FALSE(decode_reply(std::span(bytes).first(10)).has_value());
  EXPECT_FALSE(decode_reply(std::span(bytes).first(bytes.size() - 1)).has_value());
  bytes[8] = std::byte{200};  // the status
  EXPECT_FALSE(decode_reply(bytes).has_value());
}

}  // namespace
