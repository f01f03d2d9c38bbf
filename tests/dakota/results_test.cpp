// What results files say, read and written.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "dakota/number.hpp"
#include "dakota/results_file.hpp"

namespace invar::dakota {
namespace {

using ::testing::HasSubstr;

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(ParseNumber, ReadsWhatProgramsWrite) {
  EXPECT_EQ(parse_number("1"), 1.0);
  EXPECT_EQ(parse_number("+1.5E-3"), 1.5e-3);
  EXPECT_EQ(parse_number("-.5"), -0.5);
  EXPECT_EQ(parse_number("1.0D+00"), 1.0);
  EXPECT_EQ(parse_number("-2.5d-1"), -0.25);
  EXPECT_EQ(parse_number("0.1"), 0.1);
  EXPECT_EQ(parse_number("1.2345678901234567e-300"), 1.2345678901234567e-300);
  EXPECT_EQ(parse_number("1e999"), infinity);
  EXPECT_EQ(parse_number("-Inf"), -infinity);
  EXPECT_EQ(parse_number("INFINITY"), infinity);
  EXPECT_TRUE(std::isnan(parse_number("NaN").value_or(0)));
  EXPECT_TRUE(std::isnan(parse_number("-nan").value_or(0)));
}

TEST(ParseNumber, RefusesTheRest) {
  for (const char* word : {"", "+", "-", "e5", "1.0-100", "1,5", "0x1p3", "1 ", "+-1", "++1", "1e",
                           "****", "1.0D", "nano"}) {
    EXPECT_FALSE(parse_number(word)) << word;
  }
}

TEST(StandardResults, TakeNumbersWithAndWithoutLabels) {
  for (const char* text : {"1 2", "1 f1\n2 f2\n", "\n  1\t\n2 response_fn_2", "1.0D+00\r\n2\r\n"}) {
    const model::ModelResult result = parse_standard_results(text, {2});
    EXPECT_TRUE(result.is_ok()) << text << result.message;
    EXPECT_EQ(result.qois, Eigen::Vector2d(1, 2)) << text;
  }
}

TEST(StandardResults, RefuseWhatIsNotThat) {
  for (const char* text : {"", "1", "1 2 3", "f1 1 f2 2", "1 f f 2", "1 2 [ 1 2 ]", "1 -x 2",
                           "1 2.0.0", "1.0-100 2", "nothing"}) {
    EXPECT_EQ(parse_standard_results(text, {2}).status, Status::bad_output) << text;
  }
}

TEST(StandardResults, HaveGradientsInBracketsBehindTheValues) {
  for (const char* text : {"1 a\n2 b\n[ 3 4 5 ]\n[ 6 7 8 ]\n", "1 2 [3 4 5][6 7.0D0 8]"}) {
    const model::ModelResult result = parse_standard_results(text, {2, 3});

    ASSERT_TRUE(result.is_ok()) << text << result.message;
    EXPECT_EQ(result.qois, Eigen::Vector2d(1, 2));
    EXPECT_EQ(result.jacobian, (Eigen::MatrixXd(2, 3) << 3, 4, 5, 6, 7, 8).finished());
  }
}

TEST(StandardResults, RefuseGradientsThatAreNot) {
  for (const char* text : {"1 2", "1 2 [ 3 4 5 ]", "1 2 [ 3 4 5 ] [ 6 7 ]", "1 2 [ 3 4 5 ] [ 6 7 8",
                           "[ 3 4 5 ] [ 6 7 8 ] 1 2", "1 2 [ 3 4 5 ] 9 [ 6 7 8 ]",
                           "1 2 [ 3 4 a ] [ 6 7 8 ]", "1 2 [[ 3 4 5 ]] [ 6 7 8 ]",
                           "1 2 ] 3 4 5 [ [ 6 7 8 ]", "1 2 [ 3 4 5 ] [ 6 7 8 ] [ 9 9 9 ]"}) {
    EXPECT_EQ(parse_standard_results(text, {2, 3}).status, Status::bad_output) << text;
  }
}

TEST(StandardResults, KnowTheFailureMarker) {
  for (const char* text : {"fail", "FAIL", " \n Failure: no mesh\n1 2", "failed"}) {
    EXPECT_EQ(parse_standard_results(text, {2}).status, Status::model_failed) << text;
  }
  EXPECT_THAT(parse_standard_results("fail \xff\x01", {2}).message, HasSubstr("fail ??"));
}

TEST(JsonResults, TakeNumbersByLabelOrInOrder) {
  for (const char* text :
       {R"({"functions": [1, 2.0]})", R"({"functions": {"x": 1, "a": "2.0D0"}, "metadata": {}})",
        R"({"functions": {"qoi_2": 2, "qoi_1": 1}})"}) {
    const model::ModelResult result = parse_json_results(text, {2});
    EXPECT_TRUE(result.is_ok()) << text << result.message;
    EXPECT_EQ(result.qois, Eigen::Vector2d(1, 2)) << text;
  }
}

TEST(JsonResults, TakeTheSpecialNumbersOfPython) {
  const model::ModelResult result = parse_json_results(
      R"({"functions": {"NaN \" NaN": NaN, "b": -Infinity, "c": Infinity}})", {3});

  ASSERT_TRUE(result.is_ok()) << result.message;
  EXPECT_TRUE(std::isnan(result.qois[0]));
  EXPECT_EQ(result.qois[1], -infinity);
  EXPECT_EQ(result.qois[2], infinity);
}

TEST(JsonResults, OfAnyDepthCostNoStack) {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  for (const std::string& text : {deep, R"({"functions": [1, )" + deep + "]}"}) {
    EXPECT_EQ(parse_json_results(text, {2}).status, Status::bad_output);
  }
  EXPECT_TRUE(
      parse_json_results("{\"functions\": {\"" + std::string(1000, '[') + "\": 1, \"b\": 2}}", {2})
          .is_ok());
}

TEST(JsonResults, HaveGradientsByLabelOrInOrder) {
  for (
      const char* text :
      {R"({"functions": [1, 2], "gradients": [[3, 4], [5, "6d0"]]})",
       R"({"functions": {"x": 1, "a": 2}, "gradients": {"x": [3, 4], "a": [5, 6]}})",
       R"({"gradients": {"qoi_2": [5, 6], "qoi_1": [3, 4]}, "functions": {"qoi_1": 1, "qoi_2": 2}})"}) {
    const model::ModelResult result = parse_json_results(text, {2, 2});

    ASSERT_TRUE(result.is_ok()) << text << result.message;
    EXPECT_EQ(result.qois, Eigen::Vector2d(1, 2));
    EXPECT_EQ(result.jacobian, (Eigen::Matrix2d() << 3, 4, 5, 6).finished());
  }
}

TEST(JsonResults, RefuseGradientsThatAreNot) {
  for (const char* gradients : {"[]", "1", "[[3, 4]]", "[[3, 4], [5]]", "[3, 4, 5, 6]",
                                "[[3, 4], [5, null]]", R"({"x": [3, 4], "y": 5})"}) {
    const std::string text =
        std::string(R"({"functions": [1, 2], "gradients": )") + gradients + "}";
    EXPECT_EQ(parse_json_results(text, {2, 2}).status, Status::bad_output) << text;
  }
  EXPECT_EQ(parse_json_results(R"({"functions": [1, 2]})", {2, 2}).status, Status::bad_output);
}

TEST(JsonResults, KnowBothFailureMarkers) {
  EXPECT_EQ(parse_json_results(R"({"fail": true})", {2}).status, Status::model_failed);
  EXPECT_EQ(parse_json_results(R"({"fail": "true"})", {2}).status, Status::model_failed);
  EXPECT_TRUE(parse_json_results(R"({"fail": false, "functions": [1, 2]})", {2}).is_ok());
}

TEST(JsonResults, RefuseWhatIsNotThat) {
  for (const char* text :
       {"", "{", R"({"functions": [1, 2])", "[1, 2]", "{}", R"({"functions": 1})",
        R"({"functions": [1]})", R"({"functions": [1, 2, 3]})", R"({"functions": [1, null]})",
        R"({"functions": [1, "x"]})", R"({"functions": [1, [2]]})",
        "{\"functions\": [1, \"\xff\"]}", R"({"functions": [1, 2]} more)"}) {
    EXPECT_EQ(parse_json_results(text, {2}).status, Status::bad_output) << text;
  }
}

Answer answer() {
  return {.request = {.variables = {"x", "y"},
                      .values = Eigen::Vector2d(0, 0),
                      .responses = {"qoi_1", "qoi_2"},
                      .active_set = {3, 3},
                      .derivative_variables = {0, 1}},
          .result = {.qois = Eigen::Vector2d(1.0 / 3.0, -5e-324),
                     .jacobian = (Eigen::Matrix2d() << 0.1, -2, 1e300, 4).finished()}};
}

TEST(ResultsFile, IsReadAsItWasWrittenInBothFormats) {
  const Answer given = answer();
  const model::ModelResult standard =
      parse_standard_results(results_file(ResultsFormat::standard, {given}, false), {2, 2});
  const model::ModelResult json =
      parse_json_results(results_file(ResultsFormat::json, {given}, false), {2, 2});

  for (const model::ModelResult* result : {&standard, &json}) {
    ASSERT_TRUE(result->is_ok()) << result->message;
    EXPECT_EQ(result->qois, given.result.qois);
    EXPECT_EQ(result->jacobian, given.result.jacobian);
  }
}

TEST(ResultsFile, SaysWhatTheActiveSetAsksFor) {
  Answer given = answer();
  given.request.active_set = {1, 2};
  given.request.metadata = {"seconds"};

  EXPECT_EQ(results_file(ResultsFormat::standard, {given}, false),
            "  3.3333333333333331e-01 qoi_1\n"
            "[ 1.0000000000000001e+300 4.0000000000000000e+00 ]\n"
            "                     nan seconds\n");
  const auto json = nlohmann::json::parse(results_file(ResultsFormat::json, {given}, false));
  EXPECT_EQ(json.dump(),
            R"({"functions":{"qoi_1":0.3333333333333333},"gradients":{"qoi_2":[1e+300,4.0]},)"
            R"("metadata":{"seconds":"nan"}})");
}

TEST(ResultsFile, HasNoLabelThatCouldBeTakenForSomethingElse) {
  Answer given = answer();
  given.request.active_set = {1, 1};
  for (const char* label : {"", "12", "nan", "a b", "[x", "1st"}) {
    given.request.responses[0] = label;
    EXPECT_TRUE(
        parse_standard_results(results_file(ResultsFormat::standard, {given}, false), {2}).is_ok())
        << label;
  }
  given.request.responses[0] = "";
  EXPECT_THAT(results_file(ResultsFormat::json, {given}, false), HasSubstr("\"response_fn_1\""));
}

TEST(ResultsFile, SaysThatARunFailed) {
  Answer failed = answer();
  failed.result = {.status = Status::timeout, .message = "no\nanswer \"in\" time"};

  const std::string standard = results_file(ResultsFormat::standard, {failed}, false);
  const std::string json = results_file(ResultsFormat::json, {failed}, false);

  EXPECT_EQ(standard, "FAIL timeout: no | answer \"in\" time\n");
  EXPECT_EQ(parse_standard_results(standard, {2}).status, Status::model_failed);
  EXPECT_EQ(nlohmann::json::parse(json).at("fail"), true);
  EXPECT_EQ(parse_json_results(json, {2}).status, Status::model_failed);
  EXPECT_THAT(parse_json_results(json, {2}).message, HasSubstr("timeout: no | answer"));
}

TEST(ResultsFile, SeparatesTheAnswersToABatch) {
  Answer failed = answer();
  failed.result = {.status = Status::model_failed, .message = "why"};
  Answer good = answer();
  good.request.active_set = {1, 0};

  EXPECT_EQ(results_file(ResultsFormat::standard, {good, failed, good}, true),
            "  3.3333333333333331e-01 qoi_1\n#\nFAIL model_failed: why\n#\n"
            "  3.3333333333333331e-01 qoi_1\n");
  const auto json = nlohmann::json::parse(results_file(ResultsFormat::json, {good, failed}, true));
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json.at(1).at("fail"), true);
  EXPECT_TRUE(nlohmann::json::parse(results_file(ResultsFormat::json, {good}, true)).is_array());
}

}  // namespace
}  // namespace invar::dakota
