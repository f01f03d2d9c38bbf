// The same answer, whatever the ranks, groups, stops and kills.
#include <chrono>
#include <random>
#include <thread>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "app/campaign_fixture.hpp"

namespace invar::test {
namespace {

class CampaignEquality : public ProgramTest {
 protected:
  void SetUp() override {
    const ProgramResult result = invar("run study.yaml --campaign reference");
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
};

TEST_F(CampaignEquality, HoldsForAnyNumberOfRanks) {
  for (const int ranks : {2, 3, 5}) {
    const std::string name = "ranks" + std::to_string(ranks);
    const ProgramResult result = invar("run study.yaml --campaign " + name, ranks);

    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(difference("reference", name), "") << ranks << " ranks";
  }
}

TEST_F(CampaignEquality, HoldsForGroupsThatTheModelDoesNotUse) {
  const ProgramResult result =
      invar("run study.yaml --campaign groups --set evaluation.ranks_per_model=2", 5);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(difference("reference", "groups"), "");
}

TEST_F(CampaignEquality, HoldsForACapOnConcurrency) {
  const ProgramResult result =
      invar("run study.yaml --campaign capped --set evaluation.concurrency=1", 4);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(difference("reference", "capped"), "");
}

TEST_F(CampaignEquality, HoldsForStopsAfterEveryRound) {
  ProgramResult result = invar("run study.yaml --campaign stops --stop-after 1");
  int num_stops = 0;
  while (result.exit_code == 75 && num_stops < 100) {
    ++num_stops;
    result = invar("resume stops --stop-after 1");
  }

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_GE(num_stops, 11);
  EXPECT_EQ(difference("reference", "stops"), "");
}

TEST_F(CampaignEquality, HoldsForResumingWhatIsFinished) {
  const ProgramResult run = invar("run study.yaml --campaign again", 2);
  const ProgramResult resume = invar("resume again", 3);

  ASSERT_EQ(run.exit_code, 0) << run.err;
  ASSERT_EQ(resume.exit_code, 0) << resume.err;
  EXPECT_EQ(difference("reference", "again"), "");
}

TEST_F(CampaignEquality, HoldsForSlowRoundsThatCloseASegmentEach) {
  const ProgramResult result =
      invar("run study.yaml --campaign segments --set campaign.segment_seconds=0", 2);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(difference("reference", "segments"), "");
}

/// Starts a command in a process group of its own and kills all of it after a while.
void kill_after(const std::string& command, double seconds) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  ::setpgid(child, child);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  ::kill(-child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
}

TEST_F(CampaignEquality, HoldsForKillsAtRandomMoments) {
  const int num_kills = std::max(10, static_cast<int>(100 * endurance_scale()));
  std::mt19937 random(20);
  std::uniform_real_distribution<double> seconds(0.1, 1.2);
  const std::string slow = " --set model.sleep_s=0.004 --set campaign.segment_seconds=0.1";
  ASSERT_EQ(invar("run study.yaml --campaign uninterrupted" + slow, 4).exit_code, 0);

  int num_kills_done = 0;
  int num_resumes = 0;
  for (int campaign = 0; num_kills_done < num_kills; ++campaign) {
    const std::string name = "killed" + std::to_string(campaign);
    bool is_started = false;
    for (int attempt = 0; attempt < 5; ++attempt) {
      is_started = std::filesystem::exists(folder_ / name);
      kill_after(
          outside_the_job(
              "cd " + folder_.path().string() + " && exec " + on_ranks(4, program()) + " " +
              (is_started ? "resume " + name : "run study.yaml --campaign " + name + slow) +
              " >/dev/null 2>&1"),
          seconds(random));
      ++num_kills_done;
      num_resumes += is_started ? 1 : 0;
    }
    is_started = std::filesystem::exists(folder_ / name);
    const ProgramResult last =
        invar(is_started ? "resume " + name : "run study.yaml --campaign " + name + slow, 3);

    ASSERT_EQ(last.exit_code, 0) << last.err;
    EXPECT_EQ(difference("uninterrupted", name), "") << name;
  }
  EXPECT_GT(num_resumes, 0) << "no kill came after the start of a campaign";
}

}  // namespace
}  // namespace invar::test
