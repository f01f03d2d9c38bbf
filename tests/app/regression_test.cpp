// regression_vi through the program: the same answer whatever the ranks, stops and kills, changed
// studies, and what is shown of it.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"

namespace invar::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::string regression_study(const std::string& keys = "",
                             const std::string& model = "{type: toy}") {
  return fmt::format(R"(invar: 1
title: toy
parameters:
  names: [a, b, c]
  prior: {{family: diagonal, mean: 1, std: 0.5}}
observations:
  values: [2.5, 2.1, 1.8, 1.5, 1.3, 1.1]
  covariance: {{std: 0.05}}
inference: {{method: regression_vi, random_seed: 3{}}}
model: {}
campaign: {{segment_seconds: 0}}
)",
                     keys, model);
}

class Regression : public ProgramTest {
 public:
  Regression() { write_file(folder_ / "study.yaml", regression_study()); }

 protected:
  json shown(const std::string& campaign) {
    return json::parse(invar("show " + campaign + " --json").out);
  }
};

TEST_F(Regression, GivesTheSameAnswerOnAnyNumberOfRanks) {
  ASSERT_EQ(invar("run study.yaml --campaign one").exit_code, 0);
  for (const int ranks : {2, 4}) {
    const std::string name = fmt::format("ranks{}", ranks);
    const ProgramResult result = invar("run study.yaml --campaign " + name, ranks);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(difference("one", name), "");
  }
  EXPECT_EQ(shown("one").at("stop_reason"), "accuracy");
}

TEST_F(Regression, ContinuesToTheBitAfterEveryRound) {
  struct Case {
    std::string name, keys, model;
  };
  for (const auto& [name, keys, model] :
       {Case{"toy", "", "{type: toy}"},
        Case{"lin", "",
             "{type: linear, matrix: [[1, 0.2, 0], [0, 1, 0.3], [0.1, 0, 1], [1, 1, 1], "
             "[1, 0, -1], [0, 1, 1]]}"},
        Case{"products", ", family: low_rank, derivatives: products",
             "{type: linear, matrix: [[1, 0.2, 0], [0, 1, 0.3], [0.1, 0, 1], [1, 1, 1], "
             "[1, 0, -1], [0, 1, 1]]}"},
        Case{"turns", ", starts: 3, accuracy: 0.2", "{type: toy}"}}) {
    write_file(folder_ / "study.yaml", regression_study(keys, model));
    ASSERT_EQ(invar("run study.yaml --campaign whole-" + name).exit_code, 0);
    ProgramResult result = invar("run study.yaml --campaign stops-" + name + " --stop-after 1");
    int num_stops = 0;
    while (result.exit_code == 75 && num_stops < 100) {
      ++num_stops;
      result = invar("resume stops-" + name + " --stop-after 1", num_stops % 2 == 0 ? 1 : 3);
    }
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_GE(num_stops, 1);
    EXPECT_EQ(difference("whole-" + name, "stops-" + name), "");
  }
}

TEST_F(Regression, AnswersFromTheJournalAlone) {
  // No segment is closed before the end, so that a resume begins with the first round.
  for (const std::string keys : {"", ", starts: 3"}) {
    write_file(folder_ / "study.yaml", regression_study(keys, "{type: toy, sleep_s: 0.01}"));
    const std::string whole = keys.empty() ? "whole" : "whole-turns";
    const std::string part = keys.empty() ? "killed" : "killed-turns";
    const std::string setting = " --set campaign.segment_seconds=1000";
    ASSERT_EQ(invar("run study.yaml --campaign " + whole + setting).exit_code, 0);
    // Some time after its first answers, among the turns where there are several starts.
    const ProgramResult killed = run_shell(
        fmt::format("sh -c 'cd {0} && {{ {1} run study.yaml --campaign {2}{3} & }}; "
                    "until test -s {2}/journal/segment-000000.log; do sleep 0.05; done; sleep {4}; "
                    "kill -9 $!; wait $!'",
                    folder_.path().string(), program(), part, setting, keys.empty() ? 0.2 : 1.2));
    ASSERT_EQ(killed.exit_code, 128 + 9) << killed.err;
    const ProgramResult result = invar("resume " + part);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(difference(whole, part), "");
  }
}

TEST_F(Regression, GoesOnUnderOtherDataFromAllItsRuns) {
  ASSERT_EQ(invar("run study.yaml --campaign moved").exit_code, 0);
  const auto before = shown("moved").at("evaluations").get<int>();
  const std::string change = " --set observations.covariance.std=0.06";

  const ProgramResult rescored = invar("rescore moved --study study.yaml" + change);
  EXPECT_EQ(rescored.exit_code, 0) << rescored.err;
  EXPECT_THAT(rescored.out, HasSubstr("effective"));

  const ProgramResult result = invar("resume moved" + change);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("prior, data or noise have changed"));
  EXPECT_GT(shown("moved").at("evaluations").get<int>(), before);
}

TEST_F(Regression, GoesOnToAHigherAccuracyAndMoreRuns) {
  ASSERT_EQ(invar("run study.yaml --campaign more --set inference.max_evaluations=40").exit_code,
            0);
  EXPECT_EQ(shown("more").at("stop_reason"), "max_evaluations");
  ASSERT_EQ(invar("resume more --set inference.max_evaluations=500").exit_code, 0);
  EXPECT_EQ(shown("more").at("stop_reason"), "accuracy");
  const auto before = shown("more").at("evaluations").get<int>();
  ASSERT_EQ(invar("resume more --set inference.accuracy=0.001").exit_code, 0);
  EXPECT_GT(shown("more").at("evaluations").get<int>(), before);
}

TEST_F(Regression, GoesOnWhereTheFirstBatchWasCutToTheLimit) {
  ASSERT_EQ(invar("run study.yaml --campaign cut --set inference.max_evaluations=4").exit_code, 0);
  EXPECT_EQ(shown("cut").at("evaluations"), 4);
  const ProgramResult result = invar("resume cut --set inference.max_evaluations=500");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(shown("cut").at("stop_reason"), "accuracy");
}

TEST_F(Regression, GoesOnInsideAFirstBatchThatWasCutToTheLimit) {
  ::setenv("INVAR_TOY_CALLS", (folder_ / "calls").c_str(), 1);
  for (const std::string keys : {"", ", family: low_rank"}) {
    write_file(folder_ / "study.yaml", regression_study(keys, "{type: toy, sleep_s: 0.1}"));
    std::filesystem::remove(folder_ / "calls");
    const std::string killed = keys.empty() ? "killed" : "killed-low-rank";
    const std::string told = keys.empty() ? "told" : "told-low-rank";
    const std::string limit = " --set inference.max_evaluations=8";
    const ProgramResult kill = run_shell(fmt::format(
        "sh -c 'cd {0} && {{ {1} run study.yaml --campaign {2}{3} & }}; "
        "until test $(stat -c %s calls 2>/dev/null || echo 0) -ge 3; do sleep 0.02; done; "
        "kill -9 $!; wait $!'",
        folder_.path().string(), program(), killed, limit));
    ASSERT_EQ(kill.exit_code, 128 + 9) << kill.err;
    const std::string raise = " --set inference.max_evaluations=40";

    ProgramResult result =
        invar(fmt::format("resume {} --set inference.max_evaluations=2", killed), 4);
    EXPECT_EQ(result.exit_code, 69) << "no more runs, no answer, nothing lost: " << result.err;
    result = invar(fmt::format("resume {}{} --stop-after 1", killed, raise), 4);
    ASSERT_EQ(result.exit_code, 75) << result.err;
    EXPECT_THAT(result.err, HasSubstr("continuing after round 0"));
    EXPECT_EQ(shown(killed).at("evaluations"), 8);
    result = invar("resume " + killed, 4);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const json found = shown(killed);
    EXPECT_GT(found.at("evaluations"), 20);
    EXPECT_TRUE(found.at("posterior").contains("mean"));

    if (keys.empty()) {
      ASSERT_EQ(invar(fmt::format("run study.yaml --campaign {}{}", told, limit), 4).exit_code, 0);
      ASSERT_EQ(invar(fmt::format("resume {}{}", told, raise), 4).exit_code, 0);
      // What the rows tell of round 0 differs: there it was the last one.
      EXPECT_EQ(found.at("evaluations"), shown(told).at("evaluations"));
      EXPECT_EQ(found.at("posterior"), shown(told).at("posterior"));
    }
  }
  ::unsetenv("INVAR_TOY_CALLS");
}

TEST_F(Regression, TellsTheModesThatItsStartsFound) {
  // The toy's parameters may change places: 0 and 2.5, or 2.5 and 0.
  write_file(folder_ / "study.yaml", R"(invar: 1
title: two modes
parameters:
  names: [a, b]
  prior: {family: diagonal, mean: 1.25, std: 1}
observations:
  values: [1.6592, 1.4346, 1.2865, 1.1889, 1.1245, 1.0821]
  covariance: {std: 0.02}
inference: {method: regression_vi, starts: 4}
model: {type: toy}
)");
  const ProgramResult result = invar("run study.yaml --campaign modes");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("starts disagree"));
  const std::string text = invar("show modes").out;
  EXPECT_THAT(text, HasSubstr("starts disagree"));
  EXPECT_THAT(text, HasSubstr("a second mode is only"));
  EXPECT_THAT(text, HasSubstr("mode 1 (this answer): ELBO"));
  EXPECT_THAT(text, HasSubstr("mode 2: ELBO"));
}

TEST_F(Regression, BranchesFromAnotherCampaign) {
  ASSERT_EQ(invar("run study.yaml --campaign first").exit_code, 0);
  const ProgramResult result =
      invar("run study.yaml --campaign second --set inference.initial.from=first");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(shown("second").at("evaluations").get<int>(),
            shown("first").at("evaluations").get<int>());
  const ProgramResult low = invar(
      "run study.yaml --campaign low --set inference.initial.from=first --set "
      "inference.family=low_rank");
  ASSERT_EQ(low.exit_code, 0) << low.err;
  EXPECT_EQ(shown("low").at("stop_reason"), "accuracy");
  const ProgramResult back =
      invar("run study.yaml --campaign back --set inference.initial.from=low");
  EXPECT_NE(back.exit_code, 0);
  EXPECT_THAT(back.err, HasSubstr("low_rank"));
}

TEST_F(Regression, SaysInWordsWhatWasFound) {
  ASSERT_EQ(invar("run study.yaml --campaign told").exit_code, 0);
  const std::string text = invar("show told").out;
  EXPECT_THAT(text, HasSubstr("what this says"));
  EXPECT_THAT(text, HasSubstr("the data inform"));
  const json diagnostics = shown("told").at("posterior").at("diagnostics");
  EXPECT_TRUE(diagnostics.contains("k_hat"));
  EXPECT_TRUE(diagnostics.contains("corrected_mean"));
  EXPECT_EQ(invar("export told --to told.nc").exit_code, 0);
}

TEST_F(Regression, AnswersInTheDirectionsThatTheDataInform) {
  write_file(folder_ / "study.yaml",
             regression_study(", family: low_rank, derivatives: products",
                              "{type: linear, matrix: [[1, 1, 0], [1, 1, 0], [2, 2, 0], "
                              "[0, 0, 0], [1, 1, 0], [0.5, 0.5, 0]]}"));
  ASSERT_EQ(invar("run study.yaml --campaign low").exit_code, 0);
  const json found = shown("low");
  EXPECT_EQ(found.at("stop_reason"), "accuracy");
  EXPECT_EQ(found.at("posterior").at("diagnostics").at("num_informed_directions"), 1);
  EXPECT_THAT(invar("show low").out, HasSubstr("the data inform 1 of 3 directions"));
  EXPECT_EQ(found.at("reused").size(), 0U);
  const ProgramResult rescored = invar("rescore low --study study.yaml");
  EXPECT_EQ(rescored.exit_code, 0) << rescored.err;
  const ProgramResult moved =
      invar("rescore low --study study.yaml --set parameters.prior.std=0.6");
  EXPECT_NE(moved.exit_code, 0);
  EXPECT_THAT(moved.err, HasSubstr("the prior has changed"));
  const ProgramResult exported = invar("export low --to " + (folder_ / "low.nc").string());
  EXPECT_EQ(exported.exit_code, 0) << exported.err;
  const ProgramResult again = invar("resume low --set parameters.prior.std=0.6");
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(shown("low").at("stop_reason"), "accuracy");

  const ProgramResult refused = invar("check study.yaml --set inference.reuse=low");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err + refused.out, HasSubstr("inference.reuse"));
  EXPECT_THAT(refused.err + refused.out, HasSubstr("low_rank"));
}

TEST_F(Regression, NamesKeysOfTheOtherMethod) {
  const ProgramResult result = invar("check study.yaml --set inference.optimizer_method=newton");
  EXPECT_EQ(result.exit_code, 78);
  EXPECT_THAT(result.err, HasSubstr("is no key of `method: regression_vi`"));
}

}  // namespace
}  // namespace invar::test
