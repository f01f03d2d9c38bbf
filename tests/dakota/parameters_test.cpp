// What parameters files say, written and read.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "dakota/foreign_text.hpp"
#include "dakota/parameter_file.hpp"
#include "invar/core/error.hpp"

namespace invar::dakota {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Request request() {
  return {.variables = {"x1", "x_2"},
          .values = Eigen::Vector2d(-1.2, 0.1),
          .responses = {"qoi_1"},
          .active_set = {1},
          .derivative_variables = {0, 1},
          .evaluation_id = "7"};
}

// The layout of Dakota 6.19's writers, but for the digits.
TEST(ParameterFile, IsDakotasStandardFormat) {
  EXPECT_EQ(parameter_file(ParametersFormat::standard, request()),
            "                                          2 variables\n"
            "                    -1.2000000000000000e+00 x1\n"
            "                     1.0000000000000001e-01 x_2\n"
            "                                          1 functions\n"
            "                                          1 ASV_1:qoi_1\n"
            "                                          2 derivative_variables\n"
            "                                          1 DVV_1:x1\n"
            "                                          2 DVV_2:x_2\n"
            "                                          0 analysis_components\n"
            "                                          7 eval_id\n"
            "                                          0 metadata\n");
}

TEST(ParameterFile, IsDakotasApreproFormat) {
  const std::string text = parameter_file(ParametersFormat::aprepro, request());

  EXPECT_THAT(text,
              HasSubstr("                    { DAKOTA_VARS     =                      2 }\n"
                        "                    { x1              = -1.2000000000000000e+00 }\n"
                        "                    { x_2             = 1.0000000000000001e-01 }\n"
                        "                    { DAKOTA_FNS      =                      1 }\n"
                        "                    { ASV_1:qoi_1     =                      1 }\n"));
  EXPECT_THAT(text, HasSubstr("{ DAKOTA_EVAL_ID  =                      7 }"));
}

TEST(ParameterFile, GivesTheSameBitsBackInJson) {
  Request odd = request();
  odd.variables[0] = "a \"name\"";
  odd.values = Eigen::Vector2d(1.0 / 3.0, 5e-324);

  const auto root = nlohmann::json::parse(parameter_file(ParametersFormat::json, odd));

  EXPECT_EQ(root.at("variables").at(0).at("value"), 1.0 / 3.0);
  EXPECT_EQ(root.at("variables").at(1).at("value"), 5e-324);
  EXPECT_EQ(root.at("variables").at(0).at("label"), "a \"name\"");
  EXPECT_EQ(root.at("responses"), nlohmann::json::parse(R"([{"label":"qoi_1","active_set":1}])"));
  EXPECT_EQ(root.at("eval_id"), "7");
}

void expect_same(const Request& found, const Request& wanted) {
  EXPECT_EQ(found.variables, wanted.variables);
  EXPECT_EQ(found.values, wanted.values);
  EXPECT_EQ(found.responses, wanted.responses);
  EXPECT_EQ(found.active_set, wanted.active_set);
  EXPECT_EQ(found.derivative_variables, wanted.derivative_variables);
  EXPECT_EQ(found.evaluation_id, wanted.evaluation_id);
}

TEST(ParameterFile, IsReadAsItWasWrittenInEveryFormat) {
  Request wanted = request();
  wanted.values = Eigen::Vector2d(1.0 / 3.0, -5e-324);
  wanted.responses = {"qoi_1", "qoi_2"};
  wanted.active_set = {3, 0};
  wanted.derivative_variables = {1};
  for (const auto format :
       {ParametersFormat::standard, ParametersFormat::aprepro, ParametersFormat::json}) {
    const ParameterFile file = parse_parameter_file(parameter_file(format, wanted));

    EXPECT_EQ(file.format, format);
    EXPECT_FALSE(file.is_batch);
    ASSERT_EQ(file.requests.size(), 1U);
    expect_same(file.requests[0], wanted);
  }
}

TEST(ParameterFile, IsReadAsABatchInEveryFormat) {
  const Request one = request();
  Request two = request();
  two.values[0] = 4;
  two.evaluation_id = "1:8";
  for (const auto format :
       {ParametersFormat::standard, ParametersFormat::aprepro, ParametersFormat::json}) {
    const bool is_json = format == ParametersFormat::json;
    const ParameterFile file = parse_parameter_file(
        (is_json ? "[" : "") + parameter_file(format, one) + (is_json ? "," : "") +
        parameter_file(format, two) + (is_json ? "]" : ""));

    EXPECT_EQ(file.format, format);
    EXPECT_TRUE(file.is_batch);
    ASSERT_EQ(file.requests.size(), 2U);
    expect_same(file.requests[0], one);
    expect_same(file.requests[1], two);
  }
}

TEST(ParameterFile, OfAnOlderDakotaIsReadByItsCounts) {
  const ParameterFile file = parse_parameter_file(
      "2 variables\r\n 1.5D-1 x1\n-.5 functions\n 1 functions\n 2 ASV_1\n 2 derivative_variables\n"
      " 2 DVV_1\n 1 DVV_2\n 1 analysis_components\n a mesh with blanks AC_1:driver\n");

  ASSERT_EQ(file.requests.size(), 1U);
  const Request& request = file.requests[0];
  EXPECT_THAT(request.variables, ElementsAre("x1", "functions"));
  EXPECT_EQ(request.values, Eigen::Vector2d(0.15, -0.5));
  EXPECT_THAT(request.responses, ElementsAre(""));
  EXPECT_THAT(request.active_set, ElementsAre(2));
  EXPECT_THAT(request.derivative_variables, ElementsAre(1, 0));
  EXPECT_EQ(request.evaluation_id, "");
  EXPECT_THAT(request.metadata, IsEmpty());
}

TEST(ParameterFile, WithoutDerivativeVariablesDerivesByAll) {
  for (const char* text :
       {"2 variables\n1 x\n2 y\n1 functions\n3 ASV_1:f",
        R"({"variables": [{"label": "x", "value": 1}, {"label": "y", "value": 2}],
                               "responses": [{"label": "f", "active_set": 3}]})"}) {
    EXPECT_THAT(parse_parameter_file(text).requests.at(0).derivative_variables, ElementsAre(0, 1));
  }
}

TEST(ParameterFile, NamesTheMetadataThatIsWanted) {
  EXPECT_THAT(parse_parameter_file("1 variables\n1 x\n1 functions\n1 ASV_1:f\n0 "
                                   "derivative_variables\n4:9:2 eval_id\n1 metadata\nseconds MD_1")
                  .requests.at(0)
                  .metadata,
              ElementsAre("seconds"));
}

TEST(ParameterFile, MayHoldNumbersThatAreNone) {
  const auto values = [](const char* text) {
    return parse_parameter_file(text).requests.at(0).values;
  };
  EXPECT_TRUE(std::isnan(values("1 variables\nnan x\n1 functions\n1 ASV_1:f")[0]));
  EXPECT_EQ(values(R"({"variables": [{"label": "x", "value": -Infinity}], "responses": []})")[0],
            -std::numeric_limits<double>::infinity());
}

struct Hostile {
  const char* text;
  const char* part;  // of the message
};

TEST(ParameterFile, IsRefusedWithTheLineWhereItIsNone) {
  for (const auto& [text, part] : std::initializer_list<Hostile>{
           {"", "empty"},
           {" \n\t\n", "empty"},
           {"x", "line 1: expected a value and its name"},
           {"hello world", "line 1: expected the number of variables, found `hello world`"},
           {"-1 variables", "line 1: expected the number of variables, found `-1`"},
           {"1e3 variables", "expected the number of variables"},
           {"999999999999 variables\n1 x", "999999999999 variables are announced, and 1 lines"},
           {"99999999999999999999 variables\n1 x", "expected the number of variables"},
           {"2 variables\n1 x\n1 functions", "ends where the number of functions"},
           {"2 variables\n1 x\n2 y\n", "ends where the number of functions should stand"},
           {"2 variables\n1 x\n2 x\n0 functions", "two variables `x`"},
           {"1 variables\n1 x\n2 functions\n1 ASV_1:f\n1 ASV_2:f", "two responses `f`"},
           {"1 variables\nred x\n0 functions", "line 2: expected a number for the variable `x`"},
           {"1 variables\n1.0-100 x\n0 functions", "found `1.0-100`"},
           {"1 variables\n1 x\n1 functions\n8 ASV_1:f",
            "line 4: expected a whole number from 0 to 7"},
           {"1 variables\n1 x\n1 functions\n1.5 ASV_1:f", "line 4"},
           {"1 variables\n1 x\n1 functions\n1 ASV_1:f\n1 derivative_variables\n2 DVV_1:x",
            "line 6: expected a whole number from 1 to 1"},
           {"1 variables\n1 x\n0 functions\n5 analysis_components\na b", "5 analysis_components"},
           {"1 variables\n1 x\n0 functions\n1 eval_id\n1 more", "line 5: expected the number of"},
           {"{ DAKOTA_VARS = 1 }\n{ x = 1", "line 2: expected { name = value }"},
           {"{ DAKOTA_VARS = 1 }\n{ x = \"red\" }\n{ DAKOTA_FNS = 0 }", "found `\"red\"`"},
           {"{ DAKOTA_VARS = 7 }", "7 DAKOTA_VARS are announced, and 0 lines follow"},
           {"{", "no JSON"},
           {"{ \"variables\": [", "no JSON"},
           {"[1]", "expected a JSON object, found `1`"},
           {"{}", "expected a list \"variables\""},
           {R"({"variables": [{"label": "x"}], "responses": []})", "a number for the variable `x`"},
           {R"({"variables": [{"value": 1}], "responses": []})", "a \"label\" in each of"},
           {R"({"variables": [{"label": "x", "value": null}], "responses": []})", "variable `x`"},
           {R"({"variables": [], "responses": [{"label": "f", "active_set": 9}]})", "0 to 7"},
           {R"({"variables": [], "responses": [], "derivative_variables": [1]})", "from 1 to 0"},
           {R"({"variables": [{"label": "x", "value": 1}], "responses": [],
                "derivative_variables": [18446744073709551615]})",
            "from 1 to 1"},
       }) {
    try {
      parse_parameter_file(text);
      ADD_FAILURE() << "no error for: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << text;
      EXPECT_THAT(error.what(), HasSubstr(part)) << text;
    }
  }
}

TEST(ParameterFile, IsReadOrRefusedWhereverItIsTorn) {
  for (const auto format :
       {ParametersFormat::standard, ParametersFormat::aprepro, ParametersFormat::json}) {
    const std::string whole = parameter_file(format, request());
    int num_read = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      try {
        num_read += static_cast<int>(parse_parameter_file(whole.substr(0, size)).requests.size());
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::data);
      }
    }
    EXPECT_LT(num_read, static_cast<int>(whole.size()) / 2);
  }
}

TEST(ParameterFile, OfJsonThatIsDeepCostsNoStack) {
  EXPECT_THROW(parse_parameter_file(std::string(1'000'000, '[')), Error);
  EXPECT_THROW(parse_parameter_file(std::string(200'000, '[') + std::string(200'000, ']')), Error);
}

TEST(ForeignText, FitsIntoAMessage) {
  EXPECT_EQ(shortened(" a\r\nb\x1b\xc3 "), "a | b??");
  EXPECT_EQ(shortened("abcdef", 3), "abc...");
  EXPECT_EQ(last_lines("one\ntwo\nthree\n", 8), "...three");
  EXPECT_EQ(last_lines("\n\n"), "");
}

}  // namespace
}  // namespace invar::dakota
