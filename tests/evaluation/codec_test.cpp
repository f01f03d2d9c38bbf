#include "evaluation/codec.hpp"

#include <gtest/gtest.h>

namespace invar::evaluation {
namespace {

TEST(Codec, CarriesATaskOfSeveralRequests) {
  std::vector<model::ModelRequest> requests = {{Eigen::Vector2d(1, 2), 7},
                                               {Eigen::Vector2d(3, 4), 8}};
  requests[1].wants_jacobian = true;
  std::vector<std::byte> bytes(3);  // what was there goes

  encode_task(requests, bytes);
  const auto found = decode_task(bytes);

  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].id, 7);
  EXPECT_FALSE(found[0].wants_jacobian);
  EXPECT_EQ(found[1].parameters, requests[1].parameters);
  EXPECT_TRUE(found[1].wants_jacobian);
}

TEST(Codec, CarriesAReply) {
  ModelRun sent;
  sent.results = {{.status = Status::ok, .qois = Eigen::Vector2d(3, 4)},
                  {.status = Status::crashed, .message = "bang"}};
  sent.results[0].jacobian = Eigen::MatrixXd::Identity(2, 2);
  sent.wall_seconds = 0.25;
  std::vector<std::byte> bytes(3);

  encode_reply(sent, bytes);
  const auto found = decode_reply(bytes);

  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->results.size(), 2U);
  EXPECT_EQ(found->results[0].qois, sent.results[0].qois);
  EXPECT_EQ(found->results[0].jacobian, sent.results[0].jacobian);
  EXPECT_EQ(found->results[1].status, Status::crashed);
  EXPECT_EQ(found->results[1].message, "bang");
  EXPECT_EQ(found->wall_seconds, 0.25);
}

TEST(Codec, RefusesBytesThatAreNoReply) {
  ModelRun sent;
  sent.results = {{.status = Status::ok, .qois = Eigen::Vector2d(1, 2)}};
  std::vector<std::byte> bytes;
  encode_reply(sent, bytes);

  EXPECT_FALSE(decode_reply(std::span(bytes).first(7)).has_value());
  EXPECT_FALSE(decode_reply(std::span(bytes).first(20)).has_value());
  EXPECT_FALSE(decode_reply(std::span(bytes).first(bytes.size() - 1)).has_value());
  bytes[8] = std::byte{200};  // the status
  EXPECT_FALSE(decode_reply(bytes).has_value());
}

}  // namespace
}  // namespace invar::evaluation
