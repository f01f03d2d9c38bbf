#include "isolation/message.hpp"

#include <bit>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

namespace invar::isolation {
namespace {

void expect_same_bits(const Eigen::VectorXd& a, const Eigen::VectorXd& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(double)),
            0);
}

Eigen::VectorXd odd_numbers() {
  Eigen::VectorXd values(5);
  values << std::bit_cast<double>(0x7ff00000deadbeefULL), -0.0,
      std::numeric_limits<double>::denorm_min(), -std::numeric_limits<double>::infinity(), 1e308;
  return values;
}

TEST(Inbox, GivesMessagesThatComeInPieces) {
  const std::string bytes = frame(MessageKind::request, 17, "first") +
                            frame(MessageKind::reply, -1, "") +
                            frame(MessageKind::ready, 3, "third");
  Inbox inbox;
  std::vector<Message> messages;

  for (const char& byte : bytes) {
    inbox.append(&byte, 1);
    while (auto message = inbox.take()) {
      messages.push_back(*std::move(message));
    }
  }

  ASSERT_EQ(messages.size(), 3U);
  EXPECT_FALSE(inbox.is_garbled());
  EXPECT_EQ(messages[0].kind, MessageKind::request);
  EXPECT_EQ(messages[0].id, 17);
  EXPECT_EQ(messages[0].body, "first");
  EXPECT_EQ(messages[1].body, "");
  EXPECT_EQ(messages[2].id, 3);
}

TEST(Inbox, KnowsNoiseByItsFirstBytes) {
  Inbox inbox;

  inbox.append("in", 2);
  EXPECT_FALSE(inbox.is_garbled());
  inbox.append("k", 1);

  EXPECT_TRUE(inbox.is_garbled());
  EXPECT_FALSE(inbox.take());
}

TEST(Inbox, RefusesKindsAndSizesThatCannotBe) {
  for (const std::size_t at : {std::size_t{8}, std::size_t{31}}) {  // the kind; the size's top
    std::string bytes = frame(MessageKind::reply, 1, "body");
    bytes[at] = '\x7f';
    Inbox inbox;

    inbox.append(bytes.data(), bytes.size());

    EXPECT_TRUE(inbox.is_garbled()) << at;
    EXPECT_FALSE(inbox.take()) << at;
  }
}

TEST(Bodies, KeepEveryBit) {
  const model::ModelResult result{
      .status = Status::model_failed, .message = "why", .qois = odd_numbers()};

  const auto again = decode_result(encode_result(result));

  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, Status::model_failed);
  EXPECT_EQ(again->message, "why");
  expect_same_bits(again->qois, result.qois);
  model::ModelRequest request(odd_numbers(), 12);
  request.directions = Eigen::MatrixXd::Identity(5, 2);
  const auto wanted = decode_request(encode_request(request));
  ASSERT_TRUE(wanted);
  expect_same_bits(wanted->parameters, odd_numbers());
  EXPECT_EQ(wanted->directions, request.directions);
  const auto refusal = decode_refusal(encode_refusal({.kind = 78, .message = "no mesh"}));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->kind, 78);
  EXPECT_EQ(refusal->message, "no mesh");
  const auto abilities = decode_abilities(encode_abilities(
      {.num_parameters = 3, .num_qois = 5, .derivatives = {.vector_jacobian = true}}));
  ASSERT_TRUE(abilities);
  EXPECT_EQ(abilities->num_qois, 5);
  EXPECT_FALSE(abilities->derivatives.jacobian);
  EXPECT_TRUE(abilities->derivatives.vector_jacobian);
}

TEST(Bodies, AreRefusedWhenTheyAreShort) {
  const std::string result =
      encode_result({.status = Status::ok, .message = "", .qois = odd_numbers()});
  std::string unknown_status = result;
  unknown_status[0] = '\x63';

  EXPECT_FALSE(decode_result(result.substr(0, result.size() - 1)));
  EXPECT_FALSE(decode_result(result.substr(0, 15)));
  EXPECT_FALSE(decode_result(result + "x"));
  EXPECT_FALSE(decode_result(unknown_status));
  EXPECT_FALSE(decode_abilities("1234567"));
  EXPECT_FALSE(decode_refusal("123"));
  EXPECT_FALSE(decode_request("1234567"));
}

}  // namespace
}  // namespace invar::isolation
