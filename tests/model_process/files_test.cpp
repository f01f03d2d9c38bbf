// What is written for a program, and what is picked out of its files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "invar/core/error.hpp"
#include "model_process/foreign_text.hpp"
#include "model_process/outputs.hpp"
#include "model_process/parameter_file.hpp"
#include "model_process/template_text.hpp"

namespace invar::model_process {
namespace {

using ::testing::HasSubstr;

Inputs inputs() {
  return {.names = {"x1", "x_2"},
          .parameters = Eigen::Vector2d(-1.2, 0.1),
          .num_qois = 1,
          .evaluation_id = "7"};
}

// The layout of Dakota 6.19's writers, but for the digits.
TEST(ParameterFile, IsDakotasStandardFormat) {
  EXPECT_EQ(parameter_file(ParametersFormat::standard, inputs()),
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
  const std::string text = parameter_file(ParametersFormat::aprepro, inputs());

  EXPECT_THAT(text,
              HasSubstr("                    { DAKOTA_VARS     =                      2 }\n"
                        "                    { x1              = -1.2000000000000000e+00 }\n"
                        "                    { x_2             = 1.0000000000000001e-01 }\n"
                        "                    { DAKOTA_FNS      =                      1 }\n"
                        "                    { ASV_1:qoi_1     =                      1 }\n"));
  EXPECT_THAT(text, HasSubstr("{ DAKOTA_EVAL_ID  =                      7 }"));
}

TEST(ParameterFile, GivesTheSameBitsBackInJson) {
  Inputs odd = inputs();
  odd.names[0] = "a \"name\"";
  odd.parameters = Eigen::Vector2d(1.0 / 3.0, 5e-324);

  const auto root = nlohmann::json::parse(parameter_file(ParametersFormat::json, odd));

  EXPECT_EQ(root.at("variables").at(0).at("value"), 1.0 / 3.0);
  EXPECT_EQ(root.at("variables").at(1).at("value"), 5e-324);
  EXPECT_EQ(root.at("variables").at(0).at("label"), "a \"name\"");
  EXPECT_EQ(root.at("responses"), nlohmann::json::parse(R"([{"label":"qoi_1","active_set":1}])"));
  EXPECT_EQ(root.at("eval_id"), "7");
}

std::string rendered(const std::string& text) {
  return render(text, {"x1", "x_2"}, Eigen::Vector2d(-1.2, 0.1));
}

TEST(Template, HasNumbersForNames) {
  EXPECT_EQ(rendered("a = {{x1}}, b={ x_2 };"),
            "a = -1.2000000000000000e+00, b=1.0000000000000001e-01;");
  EXPECT_EQ(rendered("{{ x1 : .3f }}|{x_2:8.1e}|{{x1}}"),
            "-1.200| 1.0e-01|-1.2000000000000000e+00");
}

TEST(Template, LeavesOtherBracesAlone) {
  for (const char* text : {"", "no braces", "int main() { return {1}; }", "{x3} {", "{x1\n}", "}",
                           "{ {x3} }", "{{", "{{x1", "{{x1}"}) {
    EXPECT_EQ(rendered(text), text);
  }
  EXPECT_EQ(rendered("\\{x1} \\{{x1}} \\{other}"), "{x1} {{x1}} \\{other}");
}

TEST(Template, RefusesUnknownNamesInDoubleBracesAndBadFormats) {
  EXPECT_THROW(rendered("{{x3}}"), Error);
  EXPECT_THROW(rendered("{{x1:d}}"), Error);
  EXPECT_THROW(rendered("{{x1:.}}"), Error);
}

model::ModelResult picked(const Output& output, const std::string& text,
                          Eigen::Index num_qois = 1) {
  return pick_outputs({output}, num_qois, [&](const std::string& name) {
    return name == "log" ? std::optional(text) : std::nullopt;
  });
}

TEST(Outputs, ArePickedByPattern) {
  using Match = Output::Match;
  const std::string text = "step 1: drag = 1.5\nstep 2: drag = 2.5D0 drag = 3\nend";
  const std::string pattern = "drag = ([^ ]*)";

  EXPECT_EQ(picked({.file = "log", .pattern = pattern}, text).qois,
            Eigen::VectorXd::Constant(1, 3));
  EXPECT_EQ(picked({.file = "log", .pattern = pattern, .match = Match::first}, text).qois[0], 1.5);
  EXPECT_EQ(picked({.file = "log", .pattern = pattern, .match = Match::all}, text, 3).qois,
            Eigen::Vector3d(1.5, 2.5, 3));
}

TEST(Outputs, ArePickedByPlace) {
  const std::string text = "t,a,b\n\n 1, 2,3\n4;5 6\n";

  EXPECT_EQ(picked({.file = "log", .pattern = "", .line = 3, .column = 2}, text).qois[0], 2);
  EXPECT_EQ(picked({.file = "log", .pattern = "", .line = -1, .column = -1}, text).qois[0], 6);
  EXPECT_EQ(picked({.file = "log", .pattern = "", .line = -1}, text, 3).qois,
            Eigen::Vector3d(4, 5, 6));
}

TEST(Outputs, SayWhatIsMissing) {
  const auto message = [](const Output& output, const std::string& text) {
    const model::ModelResult result = picked(output, text);
    EXPECT_EQ(result.status, Status::bad_output);
    return result.message;
  };
  EXPECT_THAT(message({.file = "other", .pattern = "(x)"}, ""), HasSubstr("did not write other"));
  EXPECT_THAT(message({.file = "log", .pattern = "(x)"}, "y"), HasSubstr("nothing in log matches"));
  EXPECT_THAT(message({.file = "log", .pattern = "(x)"}, "x"), HasSubstr("found `x`"));
  EXPECT_THAT(message({.file = "log", .pattern = "", .line = 3}, "1\n"), HasSubstr("1 lines"));
  EXPECT_THAT(message({.file = "log", .pattern = "", .line = 1, .column = 4}, "1 2"),
              HasSubstr("2 columns"));
  EXPECT_THAT(message({.file = "log", .pattern = "", .line = 1}, "1 2"), HasSubstr("found 2"));
}

TEST(Outputs, SurviveALongLine) {
  const std::string line(5'000'000, 'x');

  EXPECT_EQ(picked({.file = "log", .pattern = "= (.*)$"}, line + "= 4").qois[0], 4);
}

TEST(Outputs, KnowBadPatterns) {
  EXPECT_EQ(pattern_problem("a (b)"), "");
  EXPECT_THAT(pattern_problem("a ("), HasSubstr("("));
  EXPECT_THAT(pattern_problem("a"), HasSubstr("no group"));
}

TEST(ForeignText, FitsIntoAMessage) {
  EXPECT_EQ(shortened(" a\r\nb\x1b\xc3 "), "a | b??");
  EXPECT_EQ(shortened("abcdef", 3), "abc...");
  EXPECT_EQ(last_lines("one\ntwo\nthree\n", 8), "...three");
  EXPECT_EQ(last_lines("\n\n"), "");
}

}  // namespace
}  // namespace invar::model_process
