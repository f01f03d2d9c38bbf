// The same answer, whatever the ranks, groups, stops and kills.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"

namespace invar::test {
namespace {

namespace fs = std::filesystem;

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

/// A campaign that is killed again and again, in a folder where others are, too.
class Victim {
 public:
  Victim(fs::path folder, const std::string& study, const std::string& name, std::string options,
         unsigned seed)
      : folder_(std::move(folder)),
        campaign_(folder_ / name),
        calls_(folder_ / (name + "-calls")),
        run_("run " + study + " --campaign " + name + std::move(options)),
        resume_("resume " + name),
        random_(seed) {}

  /// Starts or resumes the campaign on four ranks and kills the job: mostly at a random moment once
  /// the model runs, else at one before that; by turns mpirun alone, whose ranks live on until they
  /// notice, or all of it at once.
  void start_and_kill() {
    std::uniform_real_distribution<double> seconds(0.0, 0.3);
    const bool waits_for_runs = random_() % 4 != 0;
    const auto calls_before = num_calls();
    const pid_t child = ::fork();
    if (child == 0) {
      ::setpgid(0, 0);
      const std::string line = without_job(command(4) + " >/dev/null 2>&1");
      ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      ::_exit(127);
    }
    ::setpgid(child, child);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (waits_for_runs && num_calls() == calls_before && !has_ended(child) &&
           std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::this_thread::sleep_for(
        std::chrono::duration<double>(seconds(random_) * (waits_for_runs ? 1.0 : 4.0)));
    const std::vector<pid_t> ranks = random_() % 2 == 0 ? pids_of_ranks() : std::vector<pid_t>{};
    ::kill(-child, SIGKILL);
    for (const pid_t rank : ranks) {
      ::kill(rank, SIGKILL);
    }
    ::waitpid(child, nullptr, 0);
  }

  /// The shell's line that goes on with the campaign, or begins it.
  [[nodiscard]] std::string command(int num_ranks) const {
    return "cd " + folder_.string() + " && INVAR_TOY_CALLS=" + calls_.string() + " exec " +
           on_ranks(num_ranks, std::string(INVAR_BINARY_DIR) + "/tests/invar_with_toy") + " " +
           (fs::exists(campaign_) ? resume_ : run_);
  }

  /// How many runs the model began.
  [[nodiscard]] std::uintmax_t num_calls() const {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(calls_, error);
    return error ? 0 : size;
  }

 private:
  /// The processes of the program itself that have this campaign.
  [[nodiscard]] std::vector<pid_t> pids_of_ranks() const {
    std::vector<pid_t> pids;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") == std::string::npos &&
          fs::read_symlink(entry.path() / "cwd", error) == folder_ &&
          fs::read_symlink(entry.path() / "exe", error).filename() == "invar_with_toy" &&
          read_file(entry.path() / "cmdline").find(campaign_.filename()) != std::string::npos) {
        pids.push_back(std::stoi(name));
      }
    }
    return pids;
  }

  static bool has_ended(pid_t child) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == child;
  }

  fs::path folder_;
  fs::path campaign_;
  fs::path calls_;
  std::string run_;
  std::string resume_;
  std::mt19937 random_;
};

/// Four campaigns side by side, two of them of a study for which idle groups run ahead: a killed
/// job's ranks hold the campaign for about a second more, for which the next one waits.
TEST_F(CampaignEquality, HoldsForKillsAtRandomMoments) {
  constexpr int num_victims = 4;
  const int kills_of_each = std::max(1, static_cast<int>(50 * endurance_scale()));
  // A killed job's ranks compute on; all of it takes several times as long as they live.
  const std::string slow = " --set model.sleep_s=0.1 --set campaign.segment_seconds=0.1";
  write_file(folder_ / "rejecting.yaml", study_with_rejections());
  const std::vector<Victim> uninterrupted = {
      Victim(folder_.path(), "study.yaml", "whole-study.yaml", "", 0),
      Victim(folder_.path(), "rejecting.yaml", "whole-rejecting.yaml", " --set model.sleep_s=0",
             0)};
  for (const Victim& whole : uninterrupted) {
    ASSERT_EQ(run_shell("sh -c '" + whole.command(1) + "'").exit_code, 0);
  }

  std::atomic<std::int64_t> num_repeated = 0;
  std::atomic<std::int64_t> num_asked_later = 0;
  std::vector<std::thread> lanes;
  lanes.reserve(num_victims);
  for (int lane = 0; lane < num_victims; ++lane) {
    lanes.emplace_back([&, lane] {
      const Victim& whole = uninterrupted[static_cast<std::size_t>(lane % 2)];
      const std::string study = lane % 2 == 0 ? "study.yaml" : "rejecting.yaml";
      int num_kills = 0;
      for (int campaign = 0; num_kills < kills_of_each; ++campaign) {
        const std::string name = fmt::format("killed{}-{}", lane, campaign);
        Victim victim(folder_.path(), study, name, slow,
                      static_cast<unsigned>(100 * lane + campaign));
        const int num_here = std::min(5, kills_of_each - num_kills);
        for (int kill = 0; kill < num_here; ++kill) {
          victim.start_and_kill();
        }
        num_kills += num_here;
        const ProgramResult last = run_shell("sh -c '" + victim.command(4) + "'");

        EXPECT_EQ(last.exit_code, 0) << name << ": " << last.err;
        EXPECT_EQ(difference("whole-" + study, name), "") << name;
        // Each of three groups has one run at work and at most one answer on its way.
        const auto shown = nlohmann::json::parse(invar("show " + name + " --json").out);
        const auto asked_later = shown.at("asked_later").get<std::int64_t>();
        const auto repeated = static_cast<std::int64_t>(victim.num_calls()) -
                              static_cast<std::int64_t>(whole.num_calls()) -
                              (shown.at("ran_ahead").get<std::int64_t>() - asked_later);
        num_asked_later += asked_later;
        EXPECT_LE(repeated, 6 * num_here) << name;
        num_repeated += repeated;
      }
    });
  }
  for (std::thread& lane : lanes) {
    lane.join();
  }
  EXPECT_GT(num_repeated, 0) << "no kill met a run";
  EXPECT_GT(num_asked_later, 0) << "nothing that ran ahead was of use";
  std::printf("%d kills; %d repeated in all; %d had run ahead\n", num_victims * kills_of_each,
              static_cast<int>(num_repeated), static_cast<int>(num_asked_later));
}

}  // namespace
}  // namespace invar::test
