#include "model_process/results.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace invar::model_process {
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
    const model::ModelResult result = parse_standard_results(text, 2);
    EXPECT_TRUE(result.is_ok()) << text << result.message;
    EXPECT_EQ(result.qois, Eigen::Vector2d(1, 2)) << text;
  }
}

TEST(StandardResults, RefuseWhatIsNotThat) {
  for (const char* text : {"", "1", "1 2 3", "f1 1 f2 2", "1 f f 2", "1 2 [ 1 2 ]", "1 -x 2",
                           "1 2.0.0", "1.0-100 2", "nothing"}) {
    EXPECT_EQ(parse_standard_results(text, 2).status, Status::bad_output) << text;
  }
}

TEST(StandardResults, KnowTheFailureMarker) {
  for (const char* text : {"fail", "FAIL", " \n Failure: no mesh\n1 2", "failed"}) {
    EXPECT_EQ(parse_standard_results(text, 2).status, Status::model_failed) << text;
  }
  EXPECT_THAT(parse_standard_results("fail \xff\x01", 2).message, HasSubstr("fail ??"));
}

TEST(JsonResults, TakeNumbersByLabelOrInOrder) {
  for (const char* text :
       {R"({"functions": [1, 2.0]})", R"({"functions": {"x": 1, "a": "2.0D0"}, "metadata": {}})",
        R"({"functions": {"qoi_2": 2, "qoi_1": 1}})"}) {
    const model::ModelResult result = parse_json_results(text, 2);
    EXPECT_TRUE(result.is_ok()) << text << result.message;
    EXPECT_EQ(result.qois, Eigen::Vector2d(1, 2)) << text;
  }
}

TEST(JsonResults, TakeTheSpecialNumbersOfPython) {
  const model::ModelResult result =
      parse_json_results(R"({"functions": {"NaN \" NaN": NaN, "b": -Infinity, "c": Infinity}})", 3);

  ASSERT_TRUE(result.is_ok()) << result.message;
  EXPECT_TRUE(std::isnan(result.qois[0]));
  EXPECT_EQ(result.qois[1], -infinity);
  EXPECT_EQ(result.qois[2], infinity);
}

TEST(JsonResults, KnowBothFailureMarkers) {
  EXPECT_EQ(parse_json_results(R"({"fail": true})", 2).status, Status::model_failed);
  EXPECT_EQ(parse_json_results(R"({"fail": "true"})", 2).status, Status::model_failed);
  EXPECT_TRUE(parse_json_results(R"({"fail": false, "functions": [1, 2]})", 2).is_ok());
}

TEST(JsonResults, RefuseWhatIsNotThat) {
  for (const char* text :
       {"", "{", R"({"functions": [1, 2])", "[1, 2]", "{}", R"({"functions": 1})",
        R"({"functions": [1]})", R"({"functions": [1, 2, 3]})", R"({"functions": [1, null]})",
        R"({"functions": [1, "x"]})", R"({"functions": [1, [2]]})",
        "{\"functions\": [1, \"\xff\"]}", R"({"functions": [1, 2]} more)"}) {
    EXPECT_EQ(parse_json_results(text, 2).status, Status::bad_output) << text;
  }
}

}  // namespace
}  // namespace invar::model_process
