// A study that changes in the middle of a campaign.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"

namespace invar::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class Changes : public ProgramTest {
 protected:
  void SetUp() override {
    std::string study = toy_study();
    study.replace(study.find("[2.5, 2.1, 1.8, 1.5, 1.3, 1.1]"), 30, "{file: obs.txt}");
    write_file(folder_ / "filed.yaml", study);
    write_observations("1.1");
  }

  void write_observations(const std::string& last) {
    write_file(folder_ / "obs.txt", "2.5\n2.1\n1.8\n1.5\n1.3\n" + last + "\n");
  }

  json show(const std::string& campaign) {
    return json::parse(invar("show " + campaign + " --json").out);
  }
};

TEST_F(Changes, OfDataScoreTheStateAnewAndGoOn) {
  ASSERT_EQ(invar("run filed.yaml --stop-after 4").exit_code, 75);
  const int num_before = show("campaign").at("evaluations");

  write_observations("1.4");
  const ProgramResult resumed = invar("resume campaign --study filed.yaml", 3);

  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("data/obs.txt -> data/obs-2.txt"));
  EXPECT_THAT(resumed.err, HasSubstr("round 4: the state is scored anew under the changed study"));
  const json shown = show("campaign");
  EXPECT_GT(shown.at("evaluations"), num_before);
  EXPECT_EQ(read_file(folder_ / "campaign/data/obs-2.txt"), read_file(folder_ / "obs.txt"));
  EXPECT_THAT(read_file(folder_ / "campaign/study.yaml"), HasSubstr("# revision 2"));
}

TEST_F(Changes, GiveTheSameBytesOnAnyNumberOfRanksAndWithStops) {
  for (const std::string name : {"one", "three", "stops"}) {
    write_observations("1.1");
    ASSERT_EQ(invar("run filed.yaml --stop-after 4 --campaign " + name).exit_code, 75);
    write_observations("1.4");
    ProgramResult result = invar("resume " + name +
                                     " --study filed.yaml --set "
                                     "parameters.prior.std=0.6" +
                                     (name == "stops" ? " --stop-after 0" : ""),
                                 name == "three" ? 3 : 1);
    while (result.exit_code == 75) {
      result = invar("resume " + name + " --stop-after 2");
    }
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }

  EXPECT_EQ(difference("one", "three"), "");
  EXPECT_EQ(difference("one", "stops"), "");
}

TEST_F(Changes, GiveUpTheBatchUnderWay) {
  const ProgramResult stopped = invar("run study.yaml --set model.sleep_s=0.05 --time-limit 7", 2);
  ASSERT_EQ(stopped.exit_code, 75) << stopped.err;
  const json before = show("campaign");
  ASSERT_GE(before.at("rounds"), 1);

  const ProgramResult resumed = invar("resume campaign --set observations.covariance.std=0.1", 2);

  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("scored anew"));
  EXPECT_THAT(resumed.err, HasSubstr("prior, data or noise have changed: the current state"));
  if (before.at("evaluations").get<int>() % 16 != 0) {
    EXPECT_THAT(resumed.err, HasSubstr("runs of the batch under way are given up"));
  }
  EXPECT_EQ(show("campaign").at("evaluations").get<int>() % 16, 0);
  EXPECT_EQ(invar("pack campaign").exit_code, 0);
}

TEST_F(Changes, CancelRunsThatWereNotDone) {
  const ProgramResult stopped = invar(
      "run study.yaml --set model.sleep_s=0.15 --set inference.sample_size=64 --time-limit 5", 2);
  ASSERT_EQ(stopped.exit_code, 75);

  const ProgramResult resumed =
      invar("resume campaign --set observations.covariance.std=0.1 --stop-after 0");

  EXPECT_EQ(resumed.exit_code, 75) << resumed.err;
  // Nothing was told yet: the same first batch is asked under the changed noise.
  EXPECT_THAT(resumed.err, Not(HasSubstr("scored anew")));
  const ProgramResult moved =
      invar("resume campaign --set parameters.prior.mean=1.2 --stop-after 0");
  EXPECT_EQ(moved.exit_code, 75) << moved.err;
  EXPECT_THAT(moved.err, HasSubstr("runs of the batch under way are given up"));
}

TEST_F(Changes, AfterTheEndNeedMoreIterations) {
  ASSERT_EQ(invar("run study.yaml").exit_code, 0);
  const int num_before = show("campaign").at("evaluations");

  const ProgramResult same = invar("resume campaign --set observations.covariance.std=0.06");
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_THAT(same.err, HasSubstr("max_iterations is reached: raise it"));
  EXPECT_EQ(show("campaign").at("evaluations"), num_before);

  const ProgramResult more =
      invar("resume campaign --set inference.optimizer_config.max_iterations=15");
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_GT(show("campaign").at("evaluations"), num_before);
}

TEST_F(Changes, OfTheNumberOfObservationsAreRefusedBeforeAnythingIsWritten) {
  ASSERT_EQ(invar("run study.yaml --stop-after 3").exit_code, 75);

  const ProgramResult refused = invar("resume campaign --set observations.values=[2.5,2.1,1.8]");

  EXPECT_EQ(refused.exit_code, 78);
  EXPECT_THAT(refused.err, HasSubstr("observations.values: the campaign has 6 values"));
  EXPECT_EQ(invar("resume campaign").exit_code, 0);
}

TEST_F(Changes, CanBeTakenBackFromCampaignH5) {
  ASSERT_EQ(invar("run study.yaml").exit_code, 0);
  const std::string study = read_file(folder_ / "campaign/study.yaml");

  const ProgramResult dumped =
      run_shell("h5dump -a study " + (folder_ / "campaign/campaign.h5").string());

  EXPECT_THAT(dumped.out, HasSubstr("The campaign checks the sums below"));
  EXPECT_THAT(study, HasSubstr("The campaign checks the sums below"));
}

TEST_F(Changes, OfLimitsAndThenOfNoiseLeaveTheRecordWhole) {
  // All rounds are in the journal only, as after a kill.
  ASSERT_EQ(invar("run study.yaml --stop-after 5").exit_code, 75);
  for (const auto& file : std::filesystem::directory_iterator(folder_ / "campaign/restart")) {
    std::filesystem::remove(file);
  }

  const ProgramResult fewer = invar(
      "resume campaign --set inference.optimizer_config.max_iterations=2 --set "
      "evaluation.failure_budget=0 --set evaluation.on_failure=stop");
  EXPECT_EQ(fewer.exit_code, 0) << fewer.err;
  EXPECT_EQ(show("campaign").at("rounds"), 5);
  const ProgramResult noise = invar("resume campaign --set observations.covariance.std=0.07");
  EXPECT_EQ(noise.exit_code, 0) << noise.err;
  const ProgramResult more =
      invar("resume campaign --set inference.optimizer_config.max_iterations=12");
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_GT(show("campaign").at("rounds"), 8);
}

TEST_F(Changes, KeepTheRestartFileThatTheChangedStudyBeginsWith) {
  const std::string keep_one = " --set campaign.restart_files_to_keep=1";
  ASSERT_EQ(invar("run study.yaml --stop-after 3" + keep_one).exit_code, 75);
  ASSERT_EQ(
      invar("resume campaign --set observations.covariance.std=0.07 --stop-after 3").exit_code, 75);
  ASSERT_EQ(invar("resume campaign --stop-after 1").exit_code, 75);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "campaign/restart/round-000003.h5"));
  std::filesystem::remove(folder_ / "campaign/restart/round-000008.h5");

  const ProgramResult replayed = invar("resume campaign");
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;

  for (const auto& file : std::filesystem::directory_iterator(folder_ / "campaign/restart")) {
    std::filesystem::remove(file);
  }
  const ProgramResult refused = invar("resume campaign");
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("put restart/round-000003.h5 back"));
}

TEST_F(Changes, SayWhatWasRepairedFirst) {
  ASSERT_EQ(invar("run study.yaml --stop-after 2").exit_code, 75);
  for (const auto& file : std::filesystem::directory_iterator(folder_ / "campaign/journal")) {
    std::ofstream(file.path(), std::ios::app) << "twelve bytes";
  }

  const ProgramResult resumed = invar("resume campaign --set evaluation.retries=1");

  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("cut 12 bytes of a torn or damaged tail"));
}

TEST_F(Changes, OfADataFileAndNothingElseAreNoChangeTheSecondTime) {
  ASSERT_EQ(invar("run filed.yaml --stop-after 2").exit_code, 75);
  write_observations("1.4");
  ASSERT_EQ(invar("resume campaign --study filed.yaml --stop-after 1").exit_code, 75);

  const ProgramResult again = invar("resume campaign --study filed.yaml --stop-after 1");

  EXPECT_EQ(again.exit_code, 75) << again.err;
  EXPECT_THAT(again.err, Not(HasSubstr("changed:")));
}

TEST_F(Changes, OfTheModelOrTheParametersAreRefusedByName) {
  ASSERT_EQ(invar("run study.yaml --stop-after 2").exit_code, 75);

  const ProgramResult refused = invar(
      "resume campaign --set model.fail_above=3 --set parameters.names=[x,y,z] --set "
      "observations.covariance.std=0.1");

  EXPECT_EQ(refused.exit_code, 78);
  EXPECT_THAT(refused.err, HasSubstr("model.fail_above: 1e+300 -> 3"));
  EXPECT_THAT(refused.err, HasSubstr("parameters.names"));
  EXPECT_THAT(refused.err, Not(HasSubstr("observations.covariance")));
  EXPECT_EQ(invar("resume campaign").exit_code, 0);
}

TEST_F(Changes, OfTheProgramAreSaid) {
  ASSERT_EQ(invar("run study.yaml --stop-after 2").exit_code, 75);
  std::filesystem::copy(program(), folder_ / "other");
  std::ofstream(folder_ / "other", std::ios::app) << "rebuilt";  // behind what is loaded

  EXPECT_THAT(invar("resume campaign --stop-after 1").err,
              Not(HasSubstr("the campaign was run by")));
  const ProgramResult other =
      run_shell("sh -c 'cd " + folder_.path().string() + "; exec ./other resume campaign'");
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_THAT(other.err, HasSubstr("the campaign was run by invar "));
}

TEST_F(Changes, ByHandAreRefusedAndThePathIsNamed) {
  ASSERT_EQ(invar("run filed.yaml --stop-after 2").exit_code, 75);
  const std::string study = read_file(folder_ / "campaign/study.yaml");
  const std::string data = read_file(folder_ / "campaign/data/obs.txt");
  const auto refusal = [&] {
    const ProgramResult refused = invar("resume campaign");
    EXPECT_EQ(refused.exit_code, 65);
    return refused.err;
  };

  std::string edited = study;
  edited.replace(edited.find("std: 0.05"), 9, "std: 0.07");
  write_file(folder_ / "campaign/study.yaml", edited);
  EXPECT_THAT(refusal(), HasSubstr("campaign/study.yaml has another checksum"));

  write_file(folder_ / "campaign/study.yaml", study);
  write_file(folder_ / "campaign/data/obs.txt", "1\n2\n3\n4\n5\n6\n");
  EXPECT_THAT(refusal(), HasSubstr("campaign/data/obs.txt has another checksum"));

  std::filesystem::remove(folder_ / "campaign/data/obs.txt");
  EXPECT_THAT(refusal(), HasSubstr("campaign/data/obs.txt is missing"));

  write_file(folder_ / "campaign/data/obs.txt", data);
  EXPECT_EQ(invar("resume campaign").exit_code, 0);
}

}  // namespace
}  // namespace invar::test
