// What a request means to a model, and what its answer means to who asked.
#include "dakota/driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace invar::dakota {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr model::Capabilities all_derivatives = {
    .jacobian = true, .jacobian_vector = true, .vector_jacobian = true};

ModelFacts facts(const model::Capabilities& capabilities = all_derivatives) {
  return {.parameter_names = {"a", "b", "c"}, .num_qois = 2, .capabilities = capabilities};
}

Request request() {
  return {.variables = {"c", "a", "b"},
          .values = Eigen::Vector3d(3, 1, 2),
          .responses = {"f", "g"},
          .active_set = {1, 1},
          .derivative_variables = {0, 1, 2}};
}

/// q = G theta.
Eigen::MatrixXd matrix() {
  return (Eigen::MatrixXd(2, 3) << 1, 2, 3, 40, 50, 60).finished();
}

model::ModelResult linear(const model::ModelRequest& request) {
  model::ModelResult result;
  result.qois = matrix() * request.parameters;
  if (request.wants_jacobian) {
    result.jacobian = matrix();
  }
  if (request.directions.size() > 0) {
    result.jacobian_vectors = matrix() * request.directions;
  }
  if (request.weights.size() > 0) {
    result.vector_jacobians = matrix().transpose() * request.weights;
  }
  return result;
}

void expect_refusal(const Request& request, const ModelFacts& facts, const char* part) {
  try {
    question(request, facts);
    ADD_FAILURE() << "no error, expected: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

TEST(Question, TakesVariablesByTheirNamesOrElseInOrder) {
  Request asked = request();
  EXPECT_EQ(question(asked, facts()).request.parameters, Eigen::Vector3d(1, 2, 3));

  asked.variables = {"x1", "x2", "x3"};
  EXPECT_EQ(question(asked, facts()).request.parameters, Eigen::Vector3d(3, 1, 2));
}

TEST(Question, RefusesVariablesAndResponsesThatDoNotFit) {
  Request asked = request();
  asked.variables[1] = "x2";
  expect_refusal(asked, facts(), "`x2` is no parameter of the study, others are");

  asked.variables = {"c", "a"};
  asked.values = Eigen::Vector2d(3, 1);
  expect_refusal(asked, facts(), "expected 3 variables, one per parameter of the study, found 2");

  asked = request();
  asked.responses = {"f"};
  asked.active_set = {1};
  expect_refusal(asked, facts(), "expected 2 responses, one per observation of the study, found 1");
}

TEST(Question, RefusesDerivativesThatTheModelDoesNotGive) {
  Request asked = request();
  asked.active_set = {1, 5};
  expect_refusal(asked, facts(), "a Hessian is asked for (response 2)");

  asked.active_set = {1, 2};
  expect_refusal(asked, facts({}), "gradients are asked for, which this model does not give");

  asked.derivative_variables = {};  // a gradient without entries
  EXPECT_NO_THROW(question(asked, facts({})));
}

TEST(Question, AsksForNoDerivativesThatNobodyWants) {
  const model::ModelRequest asked = question(request(), facts()).request;

  EXPECT_FALSE(asked.wants_jacobian);
  EXPECT_EQ(asked.directions.size() + asked.weights.size(), 0);
}

TEST(Question, HasTheEvaluationsIdWhereItIsANumber) {
  Request asked = request();
  for (const auto& [text, id] : {std::pair("17", 17), {"", -1}, {"4:9:2", -1}, {"-3", -1}}) {
    asked.evaluation_id = text;
    EXPECT_EQ(question(asked, facts()).request.id, id) << text;
  }
}

TEST(Answer, HasTheSameGradientsInWhicheverWayTheModelGivesThem) {
  Request asked = request();
  asked.active_set = {1, 2};
  asked.derivative_variables = {0, 2};  // by c and by b
  for (const model::Capabilities& can :
       {all_derivatives, model::Capabilities{.jacobian_vector = true},
        model::Capabilities{.vector_jacobian = true},
        model::Capabilities{.jacobian_vector = true, .vector_jacobian = true}}) {
    const Question put = question(asked, facts(can));
    const model::ModelResult result = answer(put, facts(can), linear(put.request));

    ASSERT_TRUE(result.is_ok()) << result.message;
    EXPECT_EQ(result.qois, Eigen::Vector2d(14, 320));
    EXPECT_EQ(result.jacobian.row(1), Eigen::RowVector2d(60, 50));
  }
}

TEST(Answer, AsksForAsFewProductsAsWillDo) {
  const ModelFacts both = facts({.jacobian_vector = true, .vector_jacobian = true});
  Request asked = request();
  asked.active_set = {2, 1};
  EXPECT_EQ(question(asked, both).request.weights, Eigen::MatrixXd(Eigen::Vector2d(1, 0)));

  asked.derivative_variables = {1};
  EXPECT_EQ(question(asked, both).request.directions, Eigen::MatrixXd(Eigen::Vector3d(1, 0, 0)));
}

TEST(Answer, SaysWhatIsWrongWithTheModelsResult) {
  Request asked = request();
  asked.active_set = {3, 3};
  const Question put = question(asked, facts());
  const auto status = [&](const model::ModelResult& result) {
    return answer(put, facts(), result).status;
  };
  model::ModelResult result = linear(put.request);
  result.qois[1] = NAN;
  EXPECT_EQ(status(result), Status::non_finite);
  EXPECT_THAT(answer(put, facts(), result).message, HasSubstr("QoI 1 is nan"));

  result = linear(put.request);
  result.jacobian(1, 2) = INFINITY;
  EXPECT_EQ(status(result), Status::non_finite);

  result = linear(put.request);
  result.jacobian.resize(1, 3);
  EXPECT_EQ(status(result), Status::bad_output);

  result.qois.resize(3);
  EXPECT_EQ(status(result), Status::bad_output);

  EXPECT_EQ(status({.status = Status::timeout, .message = "late"}), Status::timeout);
}

}  // namespace
}  // namespace invar::dakota
