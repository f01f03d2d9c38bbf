// Every answer and every type of error of the protocol, and the bytes between ranks.
#include "umbridge_server/protocol.hpp"

#include <cmath>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "umbridge_server/request_queue.hpp"

namespace invar::umbridge_server {
namespace {

using nlohmann::json;
using testing::HasSubstr;

ServedModel linear() {
  ServedModel model;
  model.name = "forward";
  model.num_parameters = 2;
  model.num_qois = 3;
  model.can = {.jacobian = true, .jacobian_vector = true, .vector_jacobian = true};
  return model;
}

const Eigen::MatrixXd matrix = Eigen::MatrixXd{{1, 2}, {3, 4}, {5, 6}};

std::optional<model::ModelResult> run(const model::ModelRequest& request) {
  model::ModelResult result;
  result.qois = matrix * request.parameters;
  if (request.wants_jacobian) {
    result.jacobian = matrix;
  }
  if (request.directions.size() > 0) {
    result.jacobian_vectors = matrix * request.directions;
  }
  if (request.weights.size() > 0) {
    result.vector_jacobians = matrix.transpose() * request.weights;
  }
  return result;
}

Response ask(const std::string& path, const std::string& body, const ServedModel& model = linear(),
             const Run& how = run) {
  return respond(model, path, body, how);
}

void expect_error(const Response& response, int status, const std::string& type,
                  const std::string& text) {
  EXPECT_EQ(response.http_status, status) << response.body;
  const json body = json::parse(response.body);
  EXPECT_EQ(body.size(), 1U);
  EXPECT_EQ(body.at("error").size(), 2U);
  EXPECT_EQ(body.at("error").at("type"), type);
  EXPECT_THAT(body.at("error").at("message").get<std::string>(), HasSubstr(text));
}

TEST(Protocol, SaysWhatThereIs) {
  EXPECT_EQ(ask("/Info", "").body, R"({"models":["forward"],"protocolVersion":1.0})");
  EXPECT_EQ(ask("/ModelInfo", R"({"name": "forward"})").body,
            R"({"support":{"ApplyHessian":false,"ApplyJacobian":true,"Evaluate":true,)"
            R"("Gradient":true}})");
  EXPECT_EQ(ask("/InputSizes", R"({"name": "forward", "config": {}})").body,
            R"({"inputSizes":[2]})");
  EXPECT_EQ(ask("/OutputSizes", R"({"name": "forward"})").body, R"({"outputSizes":[3]})");
}

TEST(Protocol, AnswersAllThreeOperations) {
  EXPECT_EQ(ask("/Evaluate", R"({"name": "forward", "input": [[1, 10.5]]})").body,
            R"({"output":[[22.0,45.0,68.0]]})");
  for (const bool has_products : {true, false}) {
    ServedModel model = linear();
    model.can.jacobian_vector = model.can.vector_jacobian = has_products;
    EXPECT_EQ(ask("/Gradient",
                  R"({"name": "forward", "outWrt": 0, "inWrt": 0, "input": [[1, 2]],)"
                  R"( "sens": [1, 0, 2]})",
                  model)
                  .body,
              R"({"output":[11.0,14.0]})");
    EXPECT_EQ(ask("/ApplyJacobian",
                  R"({"name": "forward", "outWrt": 0, "inWrt": 0, "input": [[1, 2]],)"
                  R"( "vec": [1, -1]})",
                  model)
                  .body,
              R"({"output":[-1.0,-1.0,-1.0]})");
  }
}

TEST(Protocol, RefusesWithTheTypeThatItHasForEveryMistake) {
  const auto invalid = [](const std::string& path, const std::string& body,
                          const std::string& text) {
    expect_error(ask(path, body), 400, "InvalidInput", text);
  };
  invalid("/Evaluate", "", "expected JSON");
  invalid("/Evaluate", "{\"name\": ", "expected JSON");
  invalid("/Evaluate", "[1]", "expected a JSON object, found array");
  invalid("/Evaluate", R"({"name": "forward"})", "expected `input` in the request");
  invalid("/Evaluate", R"({"name": "forward", "input": [1, 2]})", "1 list of 2 numbers, found 2");
  invalid("/Evaluate", R"({"name": "forward", "input": 7})", "1 list of 2 numbers, found number");
  invalid("/Evaluate", R"({"name": "forward", "input": [[1]]})", "to have 2 numbers, found 1");
  invalid("/Evaluate", R"({"name": "forward", "input": [[1, null]]})", "found null at 1");
  invalid("/Evaluate", R"({"name": "forward", "input": [[1, NaN]]})", "expected JSON");
  invalid("/Evaluate", R"({"name": "forward", "input": [[1, 1e999]]})", "expected JSON");
  invalid("/Gradient", R"({"name": "forward", "outWrt": 1, "inWrt": 0})", "`outWrt` to be 0");
  invalid("/Gradient", R"({"name": "forward", "outWrt": 0, "inWrt": -1})", "`inWrt` to be 0");
  invalid("/Gradient",
          R"({"name": "forward", "outWrt": 0, "inWrt": 0, "input": [[1, 2]], "sens": [1]})",
          "`sens` to have 3 numbers, found 1");
  invalid("/ApplyJacobian",
          R"({"name": "forward", "outWrt": 0, "inWrt": 0, "input": [[1, 2]], "vec": "x"})",
          "`vec` to have 2 numbers, found string");
  expect_error(ask("/Evaluate", R"({"name": "backward"})"), 400, "ModelNotFound", "\"backward\"");
  expect_error(ask("/InputSizes", "{}"), 400, "ModelNotFound", "found nothing");
  expect_error(ask("/ApplyHessian", R"({"name": "forward"})"), 400, "UnsupportedFeature",
               "ApplyHessian");
  ServedModel bare = linear();
  bare.can = {};
  for (const char* const path : {"/Gradient", "/ApplyJacobian"}) {
    expect_error(ask(path, R"({"name": "forward"})", bare), 400, "UnsupportedFeature", path + 1);
  }
  expect_error(ask("/Elsewhere", R"({"name": "forward"})"), 404, "InvalidInput", "/Elsewhere");
}

TEST(Protocol, AnswersEveryFailureOfARun) {
  const auto with = [](const umbridge_server::Run& how) {
    return ask("/Evaluate", R"({"name": "forward", "input": [[1, 2]]})", linear(), how);
  };
  expect_error(with([](const auto&) {
                 return model::ModelResult{.status = Status::crashed, .message = "signal \xff 11"};
               }),
               500, "InvalidOutput", "crashed: signal");
  expect_error(with([](const auto&) {
                 model::ModelResult result;
                 result.qois = Eigen::Vector3d(1, NAN, 2);
                 return result;
               }),
               500, "InvalidOutput", "number 1 of the model's output is nan");
  expect_error(with([](const auto&) { return model::ModelResult{}; }), 500, "InvalidOutput",
               "expected 3 numbers of the model, found 0");
  expect_error(with([](const auto&) { return std::nullopt; }), 503, "ServerBusy", "queue");
  expect_error(with([](const auto&) { return cancelled_result(); }), 503, "ServerBusy", "ends");
  expect_error(with([](const auto&) -> std::optional<model::ModelResult> {
                 throw std::runtime_error("broken");
               }),
               500, "InvalidOutput", "broken");
}

TEST(RequestQueue, TakesNoMoreThanItMayAndNothingOnceClosed) {
  RequestQueue queue(2);
  const model::ModelRequest request(Eigen::Vector2d(1, 2));
  auto first = queue.submit(request);
  auto second = queue.submit(request);

  EXPECT_FALSE(queue.submit(request).has_value());
  queue.take()->result.set_value(*run(request));
  EXPECT_TRUE(first->get().is_ok());
  queue.close();

  EXPECT_EQ(second->get().status, Status::cancelled);
  EXPECT_FALSE(queue.submit(request).has_value());
  EXPECT_FALSE(queue.take().has_value());
}

}  // namespace
}  // namespace invar::umbridge_server
