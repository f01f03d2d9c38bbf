// What a user does with the program, and what they get: output, files, exit codes, refusals.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"

namespace invar::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Program : public ProgramTest {};

TEST_F(Program, WritesAPosteriorThatShowReadsBack) {
  const ProgramResult run = invar("run study.yaml", 3);
  ASSERT_EQ(run.exit_code, 0) << run.err;

  const json shown = json::parse(invar("show campaign --json").out);

  EXPECT_EQ(shown.at("status"), "finished");
  EXPECT_EQ(shown.at("stop_reason"), "max_iterations");
  EXPECT_EQ(shown.at("failed"), 0);
  EXPECT_GE(shown.at("rounds"), 12);
  EXPECT_EQ(shown.at("evaluations"), 16 * shown.at("rounds").get<int>());
  EXPECT_EQ(shown.at("posterior").at("names"), json({"a", "b", "c"}));
  EXPECT_EQ(shown.at("posterior").at("mean").size(), 3U);
  EXPECT_EQ(shown.at("posterior").at("std").size(), 3U);
  EXPECT_EQ(shown.at("posterior").at("covariance").size(), 3U);
  EXPECT_TRUE(shown.at("elbo").is_number());
  EXPECT_TRUE(shown.at("seconds").is_number());
  const ProgramResult text = invar("show campaign");
  EXPECT_THAT(text.out, HasSubstr("finished (max_iterations)"));
  EXPECT_TRUE(fs::exists(folder_ / "campaign/study.yaml"));
  EXPECT_TRUE(fs::exists(folder_ / "campaign/status.json"));
  EXPECT_TRUE(fs::exists(folder_ / "campaign/log.txt"));
}

TEST_F(Program, SaysHowTheRanksAreUsed) {
  const ProgramResult run = invar("run study.yaml --set evaluation.ranks_per_model=2", 4);

  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("1 group"));
  EXPECT_THAT(run.err, HasSubstr("left over"));
}

TEST_F(Program, RefusesToRunOverACampaign) {
  ASSERT_EQ(invar("run study.yaml").exit_code, 0);
  const std::string before = read_file(folder_ / "campaign/status.json");

  const ProgramResult again = invar("run study.yaml", 2);

  EXPECT_EQ(again.exit_code, 78);
  EXPECT_THAT(again.err, HasSubstr("invar resume"));
  EXPECT_EQ(read_file(folder_ / "campaign/status.json"), before);
}

TEST_F(Program, RefusesADirectoryThatHoldsOtherThings) {
  fs::create_directory(folder_ / "campaign");
  write_file(folder_ / "campaign/thesis.txt", "years of work");

  const ProgramResult run = invar("run study.yaml", 2);

  EXPECT_EQ(run.exit_code, 78) << run.err;
  EXPECT_EQ(read_file(folder_ / "campaign/thesis.txt"), "years of work");
}

TEST_F(Program, SaysThatTheDirectoryCannotBeMade) {
  write_file(folder_ / "file", "");

  const ProgramResult run = invar("run study.yaml --campaign file/below", 2);

  EXPECT_EQ(run.exit_code, 74) << run.err;
  EXPECT_THAT(run.err, HasSubstr("file"));
}

TEST_F(Program, SaysThatThereIsNoCampaign) {
  for (const std::string command : {"resume nowhere", "show nowhere", "pack nowhere"}) {
    const ProgramResult result = invar(command);

    EXPECT_EQ(result.exit_code, 66) << command << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr("nowhere")) << command;
  }
}

TEST_F(Program, RefusesGroupsLargerThanTheJob) {
  const ProgramResult run = invar("run study.yaml --set evaluation.ranks_per_model=4", 3);

  EXPECT_EQ(run.exit_code, 78);
  EXPECT_THAT(run.err, HasSubstr("ranks_per_model"));
  EXPECT_FALSE(fs::exists(folder_ / "campaign"));
}

TEST_F(Program, RefusesATimeoutThatNobodyCanEnforce) {
  const ProgramResult run = invar("run study.yaml --set evaluation.timeout_s=1");

  EXPECT_EQ(run.exit_code, 78);
  EXPECT_THAT(run.err, HasSubstr("timeout"));
  EXPECT_FALSE(fs::exists(folder_ / "campaign"));
}

TEST_F(Program, ExplainsWrongUsage) {
  EXPECT_EQ(invar("").exit_code, 64);
  EXPECT_EQ(invar("walk").exit_code, 64);
  EXPECT_EQ(invar("run").exit_code, 64);
  EXPECT_EQ(invar("run study.yaml --stop-after -1").exit_code, 64);
  EXPECT_EQ(invar("run study.yaml --set nonsense").exit_code, 64);
  EXPECT_EQ(invar("--help").exit_code, 0);
  EXPECT_THAT(invar("--version").out, HasSubstr("invar 0."));
  EXPECT_EQ(invar("run nowhere.yaml", 2).exit_code, 66);
}

TEST_F(Program, ReportsStudyErrorsOnceOnSeveralRanks) {
  write_file(folder_ / "bad.yaml", toy_study("  sample_sise: 3\n"));

  const ProgramResult run = invar("run bad.yaml", 3);

  EXPECT_EQ(run.exit_code, 78);
  EXPECT_THAT(run.err, HasSubstr("bad.yaml:16:3"));
  EXPECT_THAT(run.err, HasSubstr("did you mean `sample_size`?"));
  const std::size_t first = run.err.find("sample_sise");
  EXPECT_EQ(run.err.find("sample_sise", first + 1), std::string::npos) << run.err;
}

TEST_F(Program, DropsFailedRunsAndKeepsACapsuleOfEach) {
  const ProgramResult run = invar(
      "run study.yaml --set model.fail_above=1.9 --set evaluation.retries=1 --set "
      "evaluation.failure_budget=0.5",
      3);
  ASSERT_EQ(run.exit_code, 0) << run.err;

  const json shown = json::parse(invar("show campaign --json").out);

  ASSERT_GT(shown.at("failed"), 0);
  std::ptrdiff_t num_capsules = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "campaign/failed")) {
    ++num_capsules;
    const json capsule = json::parse(read_file(entry.path() / "evaluation.json"));
    EXPECT_EQ(capsule.at("status"), "model_failed");
    EXPECT_EQ(capsule.at("attempts"), 2);
  }
  EXPECT_EQ(num_capsules, shown.at("failed"));
  EXPECT_THAT(read_file(folder_ / "campaign/log.txt"), HasSubstr("too large for the toy"));

  EXPECT_THAT(invar("show campaign").out, HasSubstr("`invar show DIR --failures`"));
  const ProgramResult failures = invar("show campaign --failures");
  const std::string number = std::to_string(shown.at("failed").get<int>());
  EXPECT_EQ(failures.exit_code, 0) << failures.err;
  EXPECT_THAT(failures.out, HasSubstr("model_failed  " + number + "\n"));
  EXPECT_THAT(failures.out, HasSubstr("where         a > 1."));
  EXPECT_THAT(failures.out, HasSubstr(": " + number + " of " + number + " failed; else 0 of "));
  EXPECT_EQ(invar("show campaign --failures --json").exit_code, 64);
}

TEST_F(Program, EndsWhenTheFailureBudgetIsSpentAndCanGoOn) {
  for (const std::string way : {"fail_above", "throw_above", "nan_above"}) {
    const ProgramResult run =
        invar("run study.yaml --campaign " + way + " --set model." + way + "=0.9", 3);
    EXPECT_EQ(run.exit_code, 69) << run.err;
    EXPECT_THAT(run.err, HasSubstr("too_many_failures"));

    const ProgramResult resumed = invar("resume " + way + " --set evaluation.failure_budget=1", 2);

    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(resumed.err, HasSubstr("evaluation.failure_budget: 0.25 -> 1"));
  }
}

TEST_F(Program, StopsAtTheFirstFailureWhereThatIsAskedFor) {
  const ProgramResult run =
      invar("run study.yaml --set model.fail_above=1.9 --set evaluation.on_failure=stop", 2);

  EXPECT_EQ(run.exit_code, 69) << run.err;
}

TEST_F(Program, GivesUpAGroupThatHangsAndGoesOn) {
  const ProgramResult run = invar(
      "run study.yaml --set model.hang_above=1.75 --set evaluation.timeout_s=0.5 --set "
      "inference.optimizer_config.max_iterations=2",
      5);

  EXPECT_EQ(run.exit_code, 0) << run.err;
  const json shown = json::parse(invar("show campaign --json").out);
  EXPECT_EQ(shown.at("status"), "finished");
  EXPECT_GE(shown.at("failed"), 1);
}

TEST_F(Program, ResumesOnlyTheSameQuestion) {
  ASSERT_EQ(invar("run study.yaml --stop-after 2").exit_code, 75);

  const ProgramResult other = invar("resume campaign --set inference.sample_size=64", 2);
  EXPECT_EQ(other.exit_code, 78);
  EXPECT_THAT(other.err, HasSubstr("inference.sample_size: 16 -> 64"));

  const ProgramResult longer =
      invar("resume campaign --set inference.optimizer_config.max_iterations=14");
  EXPECT_EQ(longer.exit_code, 0) << longer.err;
  EXPECT_THAT(read_file(folder_ / "campaign/study.yaml"), HasSubstr("max_iterations: 14"));
}

TEST_F(Program, GoesOnAfterTheIterationLimitWasRaised) {
  ASSERT_EQ(invar("run study.yaml --campaign long").exit_code, 0);
  ASSERT_EQ(
      invar("run study.yaml --campaign short --set inference.optimizer_config.max_iterations=5")
          .exit_code,
      0);

  const ProgramResult result =
      invar("resume short --set inference.optimizer_config.max_iterations=12");

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(difference("long", "short"), "");
}

TEST_F(Program, SkipsADamagedRestartFileAndArrivesAtTheSame) {
  ASSERT_EQ(invar("run study.yaml --campaign whole").exit_code, 0);
  ASSERT_EQ(invar("run study.yaml --set campaign.segment_seconds=0 --stop-after 6").exit_code, 75);
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(folder_ / "campaign/restart")) {
    newest = std::max(newest, entry.path());
  }
  std::fstream file(newest, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(1500);
  file.put('\x7f');
  file.close();

  const ProgramResult resumed = invar("resume campaign", 2);

  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr(newest.filename().string()));
  EXPECT_EQ(difference("whole", "campaign"), "");
}

TEST_F(Program, BranchesFromAnotherCampaign) {
  ASSERT_EQ(invar("run study.yaml --campaign first").exit_code, 0);
  const json first = json::parse(invar("show first --json").out);

  const ProgramResult second = invar(
      "run study.yaml --campaign second --set \"inference.initial={from: first}\" --stop-after 1",
      2);
  ASSERT_EQ(second.exit_code, 75) << second.err;
  const ProgramResult same =
      invar("resume second --stop-after 0 --study study.yaml --set inference.initial.from=first");
  EXPECT_EQ(same.exit_code, 75) << same.err;
  const ProgramResult other = invar("resume second --study study.yaml", 3);
  EXPECT_EQ(other.exit_code, 78) << other.err;
  fs::remove_all(folder_ / "first");  // the branch stands by itself
  const ProgramResult resumed = invar("resume second --stop-after 0");

  EXPECT_EQ(resumed.exit_code, 75) << resumed.err;
  const json branched = json::parse(invar("show second --json").out);
  EXPECT_EQ(branched.at("posterior").at("mean"), first.at("posterior").at("mean"));
}

TEST_F(Program, RefusesToBranchFromWhatDoesNotFit) {
  ASSERT_EQ(invar("run study.yaml --campaign first --stop-after 1").exit_code, 75);

  const ProgramResult missing =
      invar("run study.yaml --campaign b --set inference.initial.from=nowhere", 2);
  const ProgramResult no_round =
      invar("run study.yaml --campaign b --set \"inference.initial={from: first, round: 99}\"");

  EXPECT_EQ(missing.exit_code, 66) << missing.err;
  EXPECT_EQ(no_round.exit_code, 66) << no_round.err;
  EXPECT_FALSE(fs::exists(folder_ / "b"));
}

TEST_F(Program, PacksACampaignThatWasKilled) {
  ASSERT_EQ(invar("run study.yaml --stop-after 3").exit_code, 75);
  fs::remove(folder_ / "campaign/campaign.h5");

  ASSERT_EQ(invar("pack campaign").exit_code, 0);

  EXPECT_EQ(json::parse(invar("show campaign --json").out).at("evaluations"), 48);
  EXPECT_TRUE(fs::exists(folder_ / "campaign/campaign.h5"));
}

TEST_F(Program, PacksEveryRoundThatWasTold) {
  ASSERT_EQ(invar("run study.yaml --campaign whole --stop-after 4").exit_code, 75);
  ASSERT_EQ(invar("run study.yaml --stop-after 4").exit_code, 75);
  // As after a kill before any segment was closed: the restart file is older than the rounds told.
  fs::remove_all(folder_ / "campaign/restart");
  fs::create_directory(folder_ / "campaign/restart");
  fs::remove(folder_ / "campaign/campaign.h5");

  ASSERT_EQ(invar("pack campaign").exit_code, 0);

  EXPECT_EQ(difference("whole", "campaign"), "");
}

TEST_F(Program, EndsWith69WhenAllGroupsAreLost) {
  const ProgramResult run = invar(
      "run study.yaml --set model.sleep_s=60 --set evaluation.timeout_s=0.3 --set "
      "evaluation.retries=1",
      3);

  EXPECT_EQ(run.exit_code, 69) << run.err;
  const json shown = json::parse(invar("show campaign --json").out);
  EXPECT_EQ(shown.at("stop_reason"), "groups_lost");
  EXPECT_GE(shown.at("failed"), 1);
}

TEST_F(Program, KeepsPetscOptionsInTheStudy) {
  ASSERT_EQ(invar("run study.yaml --stop-after 1 -- -malloc_dump no").exit_code, 75);

  EXPECT_THAT(read_file(folder_ / "campaign/study.yaml"),
              HasSubstr("petsc: \"-malloc_dump no\"  # command line"));
  const ProgramResult other = invar("resume campaign -- -ksp_rtol 1e-2", 3);
  EXPECT_EQ(other.exit_code, 78);
  EXPECT_THAT(other.err, HasSubstr("petsc: "));
  EXPECT_EQ(other.err.find("petsc: "), other.err.rfind("petsc: ")) << "said once";
}

TEST_F(Program, SaysThatAKilledCampaignWasInterrupted) {
  run_shell("sh -c 'cd " + folder_.path().string() + " && { " + program() +
            " run study.yaml --set model.sleep_s=0.1 & p=$!; "
            "until [ -s campaign/status.json ]; do sleep 0.05; done; kill -9 $p; wait $p; }'");

  EXPECT_EQ(json::parse(invar("show campaign --json").out).at("status"), "interrupted");
}

TEST_F(Program, HandsPetscItsOptions) {
  const ProgramResult run = invar("run study.yaml --stop-after 1 -- -options_view", 2);

  EXPECT_EQ(run.exit_code, 75) << run.err;
  EXPECT_THAT(run.out + run.err, HasSubstr("-options_view"));
}

}  // namespace
}  // namespace invar::test
