// What is rendered for a program, and what is picked out of its files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "model_process/outputs.hpp"
#include "model_process/template_text.hpp"

namespace invar::model_process {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace invar::model_process
