#include "doctor/report.hpp"

#include <cmath>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace invar::doctor;
using testing::HasSubstr;
using testing::Not;

Report full_report() {
  Report report{.study = "study.yaml", .model_type = "heat"};
  report.parameter_names = {"a", "b"};
  report.num_observations = 2;
  GroupReport group{.num_ranks = 1, .is_reference = true};
  group.repetition.emplace();
  group.repetition->sizes = {.num_parameters = 2, .num_qois = 2, .gives_jacobian = true};
  group.repetition->outcomes.resize(3);
  group.repetition->outcomes[0].qois = Eigen::Vector2d(1.25, 2.5);
  group.repetition->again.num_points = 3;
  group.derivatives = {{.problem = "",
                        .errors = {{.step = 0.1,
                                    .jacobian = 3e-7,
                                    .jacobian_vector = std::nan(""),
                                    .vector_jacobian = std::nan("")}},
                        .mismatch = std::nan(""),
                        .product_mismatch = std::nan("")}};
  report.groups.push_back(group);
  report.timings = {{.num_ranks = 1, .num_runs = 5, .median = 0.125, .efficiency = 1.0}};
  report.findings = {{.severity = Severity::serious, .text = "it is a toy"}};
  report.verdict = Verdict::not_fit;
  return report;
}

TEST(ReportText, SaysTheVerdictAndWhy) {
  const std::string text = report_text(full_report());

  EXPECT_THAT(text, HasSubstr("verdict       not fit\n  not fit: it is a toy\n"));
  EXPECT_THAT(text, HasSubstr("1 rank, again: the same bits at all 3 points"));
}

TEST(ReportText, ShowsDerivativesThatThereAreAndADashForOthers) {
  const std::string text = report_text(full_report());

  EXPECT_THAT(text, HasSubstr("1e-01   3.0e-07         -         -"));
}

TEST(ReportText, KeepsToTheWidthOfAPage) {
  Report report = full_report();
  std::string many_words;
  for (int i = 0; i < 60; ++i) {
    many_words += "words ";
  }
  report.findings.front().text = many_words;

  std::istringstream lines(report_text(report));

  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100U) << line;
  }
}

TEST(ReportText, LeavesOutWhatCouldNotBeExamined) {
  Report report;
  report.groups.push_back({.num_ranks = 1, .is_reference = true, .problem = "no mesh"});

  const std::string text = report_text(report);

  EXPECT_THAT(text, HasSubstr("1 rank: not known: no mesh"));
  EXPECT_THAT(text, Not(HasSubstr("leak")));
}

TEST(ReportJson, HasTheFiguresButNotTheQois) {
  const auto json = nlohmann::json::parse(report_json(full_report()));

  EXPECT_EQ(json.at("verdict"), "not fit");
  EXPECT_EQ(json.at("findings").at(0).at("severity"), "not fit");
  EXPECT_EQ(json.at("timings").at(0).at("median_s"), 0.125);
  const auto& group = json.at("groups").at(0);
  EXPECT_EQ(group.at("derivatives").at(0).at("errors").at(0).at("jacobian"), 3e-7);
  EXPECT_TRUE(group.at("derivatives").at(0).at("errors").at(0).at("jacobian_vector").is_null());
  EXPECT_TRUE(group.at("leaks").is_null());
  EXPECT_FALSE(group.at("repetition").at("outcomes").at(0).contains("qois"));
  EXPECT_TRUE(json.at("recommendation").at("ranks_per_model").is_null());
}

}  // namespace
