// What is done with the runs that a campaign has on record: replay, rescore, and failures retried.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"

namespace invar::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

using Replay = ProgramTest;
using Rescore = ProgramTest;
using RetryFailed = ProgramTest;

TEST_F(Replay, GivesTheSameBitsOnOneRankAndSeveral) {
  ASSERT_EQ(invar("run study.yaml --set campaign.segment_seconds=0 --stop-after 3").exit_code, 75);

  for (const int ranks : {1, 3}) {
    const ProgramResult replayed = invar("replay campaign 20", ranks);

    EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
    EXPECT_THAT(replayed.out, HasSubstr("evaluation 20 (round 1, sample 4)"));
    EXPECT_THAT(replayed.out, HasSubstr("the same to the bit: 6 QoIs"));
  }
}

TEST_F(Replay, RunsAFailedEvaluationAgain) {
  ASSERT_EQ(invar("run study.yaml --set model.fail_above=1.75").exit_code, 0);
  const auto failed = std::filesystem::directory_iterator(folder_ / "campaign/failed");
  const std::string id = failed->path().filename().string();

  const ProgramResult replayed = invar("replay campaign " + id);

  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  EXPECT_THAT(replayed.out, HasSubstr("now           model_failed"));
  EXPECT_THAT(replayed.out, HasSubstr("too large for the toy"));
  EXPECT_THAT(replayed.out, HasSubstr("the same outcome"));
}

TEST_F(Replay, SaysWhenTheOutcomeIsAnother) {
  ASSERT_EQ(
      invar("run study.yaml --set model.sleep_s=0.4 --set evaluation.timeout_s=0.1", 2).exit_code,
      69);
  ASSERT_EQ(invar("resume campaign --set evaluation.timeout_s=20 --stop-after 0", 2).exit_code, 75);

  const ProgramResult replayed = invar("replay campaign 0", 2);

  EXPECT_EQ(replayed.exit_code, 65) << replayed.err;
  EXPECT_THAT(replayed.out, HasSubstr("it was timeout and is ok now"));
}

TEST_F(Replay, KnowsWhichEvaluationsThereAre) {
  ASSERT_EQ(invar("run study.yaml --stop-after 2").exit_code, 75);

  const ProgramResult unknown = invar("replay campaign 999", 2);
  EXPECT_EQ(unknown.exit_code, 64);
  EXPECT_THAT(unknown.err, HasSubstr("has no evaluation 999: there are 32, from 0 to 31"));
  EXPECT_EQ(invar("replay campaign -1").exit_code, 64);
  EXPECT_EQ(invar("replay nowhere 0").exit_code, 66);
}

TEST_F(Rescore, FindsThePosteriorOfALinearModelUnderOtherNoiseAndData) {
  // y = x + noise with a standard normal prior: the posterior is known.
  write_file(folder_ / "linear.yaml", R"(invar: 1
parameters:
  names: [x]
  prior: {family: diagonal, mean: 0, std: 1}
observations: {values: [1], covariance: {std: 0.5}}
model: {type: linear, matrix: [[1]]}
inference:
  method: run_vi
  random_seed: 4
  sample_size: 64
  optimizer_config: {gradient_method: natural, max_iterations: 30}
)");
  ASSERT_EQ(invar("run linear.yaml").exit_code, 0);

  const ProgramResult rescored = invar(
      "rescore campaign --json --set observations.values=[0.8] --set "
      "observations.covariance.std=1 --set inference.sample_size=8");

  ASSERT_EQ(rescored.exit_code, 0) << rescored.err;
  const json found = json::parse(rescored.out);
  EXPECT_TRUE(found.at("is_usable").get<bool>());
  const double effective = found.at("effective_sample_size");
  ASSERT_GT(effective, 100);
  // Precision 1 + 1, mean 0.4; four standard errors.
  const double tolerance = 4.0 / std::sqrt(effective);
  const double std = std::sqrt(0.5);
  const json& posterior = found.at("posterior");
  EXPECT_NEAR(posterior.at("mean").at(0).get<double>(), 0.4, tolerance * std);
  EXPECT_NEAR(posterior.at("std").at(0).get<double>(), std, tolerance * std);
  // log N(0.8; 0, 2).
  EXPECT_NEAR(found.at("log_evidence").get<double>(), -0.5 * std::log(2 * M_PI * 2) - 0.64 / 4,
              tolerance);
}

TEST_F(Rescore, CountsRunsThatWereCutToABoundAsDrawn) {
  // Half of the draws lie beyond the bound, so that half of the evidence is there.
  write_file(folder_ / "linear.yaml", R"(invar: 1
parameters:
  names: [x]
  prior: {family: diagonal, mean: 0, std: 1}
  bounds: {min: 0, max: .inf}
observations: {values: [0], covariance: {std: 1}}
model: {type: linear, matrix: [[1]]}
inference:
  method: run_vi
  random_seed: 4
  sample_size: 4096
  bounded_parameter_handling: clip
  optimizer_config: {max_iterations: 1}
)");
  ASSERT_EQ(invar("run linear.yaml").exit_code, 0);

  const json found = json::parse(invar("rescore campaign --json").out);

  // log of half of N(0; 0, 2); 4,096 draws.
  EXPECT_NEAR(found.at("log_evidence").get<double>(), -0.5 * std::log(2 * M_PI * 2) - std::log(2),
              0.08);
}

TEST_F(Rescore, KeepsTheCorrelationThatTheRunsWereDrawnWith) {
  const auto study = [](const char* correlation) {
    return std::string(R"(invar: 1
parameters:
  names: [a, b]
  prior: {family: multivariate, mean: 0, covariance: [[1, )") +
           correlation + "], [" + correlation + R"(, 1]]}
observations: {values: [0.5, 0], covariance: {std: 1}}
model: {type: linear, matrix: [[1, 0], [0, 1]]}
inference:
  method: run_vi
  sample_size: 512
  optimizer_config: {max_iterations: 3}
)";
  };
  write_file(folder_ / "before.yaml", study("0.9"));
  write_file(folder_ / "after.yaml", study("-0.5"));
  ASSERT_EQ(invar("run before.yaml").exit_code, 0);
  const json before = json::parse(invar("rescore campaign --study after.yaml --json").out);
  ASSERT_EQ(invar("resume campaign --study after.yaml").exit_code, 0);
  const json after = json::parse(invar("rescore campaign --json").out);

  // The change of study added no run: the same answer from the same runs.
  EXPECT_EQ(before.at("runs"), after.at("runs"));
  EXPECT_NEAR(before.at("effective_sample_size").get<double>(),
              after.at("effective_sample_size").get<double>(), 1e-6);
}

TEST_F(Rescore, RefusesAnotherNumberOfObservations) {
  ASSERT_EQ(invar("run study.yaml --stop-after 2").exit_code, 75);

  const ProgramResult refused = invar("rescore campaign --set observations.values=[1,2,3]");

  EXPECT_EQ(refused.exit_code, 78);
  EXPECT_THAT(refused.err, HasSubstr("the recorded runs have 6 QoIs, found 3 values"));
}

TEST_F(Rescore, SaysWhenTheRunsAreOfNoUse) {
  ASSERT_EQ(invar("run study.yaml").exit_code, 0);

  const ProgramResult rescored = invar("rescore campaign --set observations.covariance.std=0.001");

  EXPECT_EQ(rescored.exit_code, 0) << rescored.err;
  EXPECT_THAT(rescored.out, HasSubstr("verdict       not usable"));
  EXPECT_THAT(rescored.out, HasSubstr("changed       observations.covariance.std: 0.05 -> 0.001"));
}

TEST_F(Rescore, RefusesWhatNoRunCanAnswerFor) {
  ASSERT_EQ(invar("run study.yaml --stop-after 2").exit_code, 75);

  const ProgramResult model = invar("rescore campaign --set model.fail_above=2");
  EXPECT_EQ(model.exit_code, 78);
  EXPECT_THAT(model.err, HasSubstr("model.fail_above"));
  ASSERT_EQ(invar("run study.yaml --campaign empty --stop-after 0").exit_code, 75);
  const ProgramResult empty = invar("rescore empty");
  EXPECT_EQ(empty.exit_code, 65);
  EXPECT_THAT(empty.err, HasSubstr("no recorded run"));
}

TEST_F(RetryFailed, RunsTimeoutsOfTheRoundUnderWayAgain) {
  ASSERT_EQ(invar("run study.yaml --campaign reference").exit_code, 0);
  const std::string slow = "run study.yaml --set model.sleep_s=0.2 --set evaluation.timeout_s=0.05";
  ASSERT_EQ(invar(slow, 3).exit_code, 69);
  ASSERT_GE(json::parse(invar("show campaign --json").out).at("failed"), 2);

  const ProgramResult resumed =
      invar("resume campaign --retry-failed --set evaluation.timeout_s=20 --stop-after 1", 5);

  ASSERT_EQ(resumed.exit_code, 75) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("2 failed runs of the round under way are run again; 0"));
  EXPECT_EQ(json::parse(invar("show campaign --json").out).at("failed"), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "campaign/failed"));
}

TEST_F(RetryFailed, LeavesWhatTheModelSaidItself) {
  ASSERT_EQ(invar("run study.yaml --set model.fail_above=1.5 --set evaluation.failure_budget=0")
                .exit_code,
            69);

  const ProgramResult resumed = invar("resume campaign --retry-failed");

  EXPECT_EQ(resumed.exit_code, 69);
  EXPECT_THAT(resumed.err, HasSubstr("0 failed runs of the round under way are run again"));
}

}  // namespace
}  // namespace invar::test
