// Campaigns whose model is a program: those of the example, and programs that fail.
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"

namespace invar::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

/// The folder of the example, copied to where campaigns may be put.
class ProcessCampaign : public ProgramTest {
 protected:
  ProcessCampaign() {
    fs::copy(std::string(INVAR_SOURCE_DIR) + "/jobs/couple-program", folder_.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }

  /// The same study with the built-in model instead of the program.
  void run_reference() {
    std::string study = read_file(folder_ / "study.yaml");
    const std::size_t begin = study.find("model:");
    study.replace(begin, study.find("inference:") - begin,
                  "model: {type: linear, matrix: [[1, 0], [1, 1], [1, 2], [1, 3]]}\n");
    write_file(folder_ / "linear.yaml", study.substr(0, study.find("evaluation:")));
    const ProgramResult run = invar("run linear.yaml --campaign linear" + two_steps);
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }

  const std::string two_steps = " --set inference.optimizer_config.max_iterations=3";

  int count(const std::string& campaign, const std::string& what) {
    return json::parse(invar("show " + campaign + " --json").out).at(what).get<int>();
  }
};

TEST_F(ProcessCampaign, IsThatOfTheSameModelInside) {
  run_reference();
  for (const char* study : {"study", "study-shell", "study-solver"}) {
    const ProgramResult run =
        invar(fmt::format("run {0}.yaml --campaign {0}{1}", study, two_steps), 3);

    ASSERT_EQ(run.exit_code, 0) << study << run.err;
    EXPECT_EQ(difference("linear", study), "") << study;
    EXPECT_TRUE(fs::is_empty(folder_ / "runs")) << study;
  }
}

TEST_F(ProcessCampaign, IsTheSameAfterAResumeFromElsewhere) {
  ASSERT_EQ(invar("run study-solver.yaml --campaign reference").exit_code, 0);
  ASSERT_EQ(invar("run study-solver.yaml --stop-after 2", 3).exit_code, 75);
  fs::remove(folder_ / "input.txt");  // the campaign has a copy
  fs::rename(folder_ / "study-solver.yaml", folder_ / "away.yaml");

  const ProgramResult resumed = invar("resume campaign", 3);

  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(difference("reference", "campaign"), "");
  EXPECT_THAT(read_file(folder_ / "campaign/study.yaml"),
              HasSubstr((folder_ / "solver.sh").string()));
}

TEST_F(ProcessCampaign, GoesOnWithOtherDirectoriesForItsRuns) {
  ASSERT_EQ(invar("run study-shell.yaml --campaign reference").exit_code, 0);
  ASSERT_EQ(invar("run study-shell.yaml --stop-after 2").exit_code, 75);

  const ProgramResult refused = invar("resume campaign --set model.append_files=false");
  const ProgramResult resumed =
      invar(fmt::format("resume campaign --set model.keep=all --set model.work_directory={}",
                        (folder_ / "d").string()));

  EXPECT_EQ(refused.exit_code, 78) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("model.append_files: true -> false"));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(difference("reference", "campaign"), "");
  EXPECT_FALSE(fs::is_empty(folder_ / "d"));
  EXPECT_THAT(read_file(folder_ / "campaign/log.txt"),
              HasSubstr("changed: model.keep: failed -> all"));
}

TEST_F(ProcessCampaign, MayRunBesideAModelProcess) {
  ASSERT_EQ(invar("run study-shell.yaml --campaign reference").exit_code, 0);

  const ProgramResult run =
      invar("run study-shell.yaml --campaign isolated --set model.isolation=process", 2);

  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(difference("reference", "isolated"), "");
}

TEST_F(ProcessCampaign, LosesNoGroupToAProgramThatHangs) {
  write_file(folder_ / "model.sh",
             "#!/bin/sh\ncase $(cat params.in) in *'6 eval_id'*) sleep 987655;; esac\n"
             "echo 1 1.5 2 2.5 > $2\n");
  for (const int ranks : {1, 2}) {
    const std::string name = fmt::format("ranks{}", ranks);
    const ProgramResult run =
        invar(fmt::format("run study-shell.yaml --campaign {} --set evaluation.timeout_s=0.5 "
                          "--set inference.optimizer_config.max_iterations=2",
                          name),
              ranks);

    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_GE(count(name, "failed"), 1);
    EXPECT_THAT(read_file(folder_ / name / "log.txt"),
                HasSubstr("no answer within 0.5 s (evaluation.timeout_s)"));
    EXPECT_FALSE(fs::is_empty(folder_ / "runs"));
  }
}

TEST_F(ProcessCampaign, BeginsOnlyWithAProgramThatIsThere) {
  const ProgramResult beside = invar("run study.yaml --set model.command=[./none]", 2);
  EXPECT_EQ(beside.exit_code, 78);
  EXPECT_THAT(beside.err, HasSubstr("`model.command[0]`: there is no program `./none`"));

  const ProgramResult anywhere = invar("run study.yaml --set model.command=[no-such-program]", 2);
  EXPECT_EQ(anywhere.exit_code, 78);
  EXPECT_THAT(anywhere.err, HasSubstr("`model.command`: there is no program `no-such-program`"));
}

}  // namespace
}  // namespace invar::test
