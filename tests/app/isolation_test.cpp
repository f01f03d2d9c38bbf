// Models in processes of their own: the same answers, errors as ever, and nothing left behind.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"

namespace invar::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

const std::string isolated = " --set model.isolation=process";

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

class Isolation : public ProgramTest {
 protected:
  Isolation() { ::setenv("INVAR_TEST_MARK", folder_.path().c_str(), 1); }

  /// The processes of this test's campaigns, by the mark in their environment.
  [[nodiscard]] std::vector<pid_t> processes(const std::string& name = "") const {
    const std::string mark = "INVAR_TEST_MARK=" + folder_.path().string();
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const pid_t process = std::atoi(entry.path().filename().c_str());
      if (process <= 0 || process == ::getpid()) {
        continue;
      }
      std::string comm = read_file(entry.path() / "comm");
      if (read_file(entry.path() / "environ").find(mark) != std::string::npos &&
          comm.find(name) != std::string::npos) {
        found.push_back(process);
      }
    }
    return found;
  }

  /// Waits until there are exactly so many processes; false after `seconds`.
  [[nodiscard]] bool wait_for(std::size_t count, const std::string& name, double seconds) const {
    for (int i = 0; i < static_cast<int>(seconds * 50); ++i) {
      if (processes(name).size() == count) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  /// Starts the program in the scratch folder; its process, or that of mpiexec.
  pid_t start(const std::string& arguments, int num_ranks) {
    const std::string line =
        without_job("cd " + folder_.path().string() + " && exec " + on_ranks(num_ranks, program()) +
                    " " + arguments + " >out 2>&1 </dev/null");
    const pid_t job = ::fork();
    if (job == 0) {
      ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      ::_exit(127);
    }
    return job;
  }

  /// Starts a campaign that hangs in its runs, and waits until it does.
  pid_t start_hanging(int num_ranks) {
    const pid_t job = start("run study.yaml --set model.hang_above=-100" + isolated, num_ranks);
    const auto workers = static_cast<std::size_t>(num_ranks == 1 ? 1 : num_ranks - 1);
    EXPECT_TRUE(wait_for(workers, "invar-model", 20)) << read_file(folder_ / "out");
    return job;
  }

  static int end_of(pid_t job) {
    int status = 0;
    ::waitpid(job, &status, 0);
    return status;
  }
};

TEST_F(Isolation, GivesTheSameAnswersOnAnyNumberOfRanks) {
  ASSERT_EQ(invar("run study.yaml --campaign reference").exit_code, 0);
  for (const int ranks : {1, 3}) {
    const std::string name = "ranks" + std::to_string(ranks);

    const ProgramResult run =
        invar(fmt::format("run study.yaml --campaign {}{}", name, isolated), ranks);

    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(difference("reference", name), "") << ranks << " ranks";
  }
  EXPECT_TRUE(processes().empty());
}

TEST_F(Isolation, GivesTheSameAnswersOfEveryBuiltInModel) {
  const std::string jobs = std::string(INVAR_SOURCE_DIR) + "/jobs/";
  const std::string steps = " --set inference.optimizer_config.max_iterations=2";
  write_file(folder_ / "linear.yaml",
             toy_study("",
                       "model:\n  type: linear\n  matrix: [[1, 2, 3], [0, 1, 5], [2, 2, 2], "
                       "[1, 0, 1], [7, 1, 3], [0, 1, 1]]\n"));
  const std::string small_poisson = " --set model.n=8 --set inference.sample_size=8";
  for (const std::string& study : {std::string("linear.yaml"), jobs + "lynx-hare/study-run-vi.yaml",
                                   fmt::format("{}poisson64/study.yaml{}", jobs, small_poisson)}) {
    fs::remove_all(folder_ / "a");
    fs::remove_all(folder_ / "b");
    const ProgramResult here = invar(fmt::format("run {}{} --campaign a", study, steps), 2);
    ASSERT_EQ(here.exit_code, 0) << study << here.err;

    const ProgramResult there =
        invar(fmt::format("run {}{} --campaign b{}", study, steps, isolated), 2);

    ASSERT_EQ(there.exit_code, 0) << study << there.err;
    EXPECT_EQ(difference("a", "b"), "") << study;
    EXPECT_GT(json::parse(invar("show b --json").out).at("evaluations"), 0);
  }
}

TEST_F(Isolation, NeedsModelsOfOneRank) {
  write_file(folder_ / "bad.yaml", toy_study("",
                                             "model: {type: toy, isolation: process}\n"
                                             "evaluation: {ranks_per_model: 2}\n"));

  const ProgramResult run = invar("run bad.yaml", 3);

  EXPECT_EQ(run.exit_code, 78);
  EXPECT_THAT(run.err, HasSubstr("bad.yaml:17:31"));
  EXPECT_THAT(run.err, HasSubstr("`evaluation.ranks_per_model`: expected 1"));
  EXPECT_FALSE(fs::exists(folder_ / "campaign"));
}

TEST_F(Isolation, ReportsAModelThatCannotBeMadeAsWithoutIt) {
  write_file(folder_ / "poisson.yaml",
             toy_study("", "model: {type: poisson, n: 6, k: 1, points: 2}\n"));
  for (const int ranks : {1, 2}) {
    const ProgramResult here = invar("run poisson.yaml", ranks);
    const ProgramResult there = invar("run poisson.yaml" + isolated, ranks);

    EXPECT_EQ(here.exit_code, 78) << here.err;
    EXPECT_EQ(there.exit_code, 78) << there.err;
    EXPECT_EQ(first_line(there.err), first_line(here.err));
  }
  const ProgramResult petsc = invar("run study.yaml" + isolated + " -- 17");
  EXPECT_EQ(petsc.exit_code, 64);
  EXPECT_THAT(petsc.err, HasSubstr("expected a name such as -ksp_type, found `17`"));
  EXPECT_TRUE(wait_for(0, "", 3));
}

TEST_F(Isolation, SaysThatTheFirstProcessCrashedWhileItMadeTheModel) {
  const ProgramResult run =
      invar("run study.yaml --set model.type=faulty --set model.fault=build" + isolated, 3);

  EXPECT_EQ(run.exit_code, 69) << run.err;
  EXPECT_THAT(run.err, HasSubstr("killed by signal 6 (Aborted) while it built the model"));
  EXPECT_TRUE(wait_for(0, "", 3));
}

TEST_F(Isolation, EndsACampaignWhoseModelCannotBeMadeAgain) {
  const ProgramResult run = invar(
      "run study.yaml --set model.type=faulty --set model.rate=0.1 "
      "--set model.fault=rebuild --set model.marker=" +
      (folder_ / "marker").string() + isolated);

  EXPECT_EQ(run.exit_code, 69) << run.err;
  EXPECT_THAT(read_file(folder_ / "campaign/log.txt"), HasSubstr("while it built the model"));
}

TEST_F(Isolation, KeepsATimeoutOnOneRank) {
  const ProgramResult run = invar(
      "run study.yaml --stop-after 1 --set model.hang_above=1.6 --set evaluation.timeout_s=0.2 "
      "--set evaluation.failure_budget=1" +
      isolated);

  EXPECT_EQ(run.exit_code, 75) << run.err;
  EXPECT_GE(json::parse(invar("show campaign --json").out).at("failed"), 1);
  EXPECT_THAT(read_file(folder_ / "campaign/log.txt"),
              HasSubstr("no answer within 0.2 s (evaluation.timeout_s)"));
}

TEST_F(Isolation, MayBeginAtAResume) {
  ASSERT_EQ(invar("run study.yaml --campaign reference").exit_code, 0);
  ASSERT_EQ(invar("run study.yaml --stop-after 3").exit_code, 75);

  const ProgramResult resumed = invar("resume campaign" + isolated, 2);

  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("changed: model.isolation: none -> process"));
  EXPECT_EQ(difference("reference", "campaign"), "");
  EXPECT_THAT(read_file(folder_ / "campaign/study.yaml"),
              HasSubstr("isolation: process  # command line"));
}

TEST_F(Isolation, HandsPetscItsOptionsWhereTheModelRuns) {
  const ProgramResult run = invar("run study.yaml --stop-after 1" + isolated + " -- -options_view");

  EXPECT_EQ(run.exit_code, 75) << run.err;
  const std::string said = run.out + run.err;
  EXPECT_THAT(said, HasSubstr("-options_view"));
  EXPECT_EQ(said.find("#PETSc Option Table"), said.rfind("#PETSc Option Table"))
      << "once: " << said;
}

TEST_F(Isolation, LeavesNothingOfAModelThatStartsProcesses) {
  const ProgramResult run = invar(
      "run study.yaml --stop-after 1 --set model.type=faulty --set model.fault=children "
      "--set model.rate=0.2 --set evaluation.failure_budget=1" +
          isolated,
      3);

  EXPECT_EQ(run.exit_code, 75) << run.err;
  EXPECT_GE(json::parse(invar("show campaign --json").out).at("failed"), 1);
  EXPECT_TRUE(wait_for(0, "", 3));
}

TEST_F(Isolation, LeavesNothingWhenARankIsKilled) {
  const pid_t job = start_hanging(3);
  const std::vector<pid_t> ranks = processes("invar_with_toy");
  ASSERT_EQ(ranks.size(), 3U);

  ::kill(ranks.back(), SIGKILL);

  EXPECT_NE(end_of(job), 0);
  EXPECT_TRUE(wait_for(0, "", 5)) << processes().size();
}

TEST_F(Isolation, LeavesNothingWhenMpirunIsKilled) {
  const pid_t job = start_hanging(3);

  ::kill(job, SIGKILL);

  EXPECT_NE(end_of(job), 0);
  EXPECT_TRUE(wait_for(0, "", 10)) << processes().size();
}

TEST_F(Isolation, LeavesNothingWhenTheOnlyRankIsKilledOrInterrupted) {
  for (const int signal : {SIGKILL, SIGTERM}) {
    const pid_t job = start_hanging(1);

    ::kill(job, signal);
    const bool has_ended = wait_for(0, "", 5);

    EXPECT_TRUE(has_ended || signal == SIGTERM) << processes().size();
    ::kill(job, SIGKILL);
    end_of(job);
    EXPECT_TRUE(wait_for(0, "", 5)) << processes().size();
    fs::remove_all(folder_ / "campaign");
  }
}

TEST_F(Isolation, GoesAwayWhereItIsNotWanted) {
  const pid_t job = start("run study.yaml --set model.hang_above=-100", 1);
  while (!fs::exists(folder_ / "campaign/journal") && processes("invar_with_toy").size() < 2) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  EXPECT_TRUE(wait_for(0, "invar-forker", 5));
  EXPECT_TRUE(wait_for(1, "", 5)) << processes().size();
  ::kill(job, SIGKILL);
  end_of(job);
}

}  // namespace
}  // namespace invar::test
