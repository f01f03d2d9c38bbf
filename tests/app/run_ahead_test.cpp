// Idle groups run ahead: the same answer, fewer turns, and nothing lost.
#include <chrono>
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
using ::testing::Not;

class RunAhead : public ProgramTest {
 public:
  RunAhead() {
    write_file(folder_ / "study.yaml", study_with_rejections());
    ::setenv("INVAR_TOY_CALLS", (folder_ / "calls").c_str(), 1);
  }
  ~RunAhead() override { ::unsetenv("INVAR_TOY_CALLS"); }
  RunAhead(const RunAhead&) = delete;
  RunAhead& operator=(const RunAhead&) = delete;
  RunAhead(RunAhead&&) = delete;
  RunAhead& operator=(RunAhead&&) = delete;

 protected:
  /// The runs that the model began since the last call of this function.
  std::int64_t num_calls() {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(folder_ / "calls", error);
    fs::remove(folder_ / "calls", error);
    return error ? 0 : static_cast<std::int64_t>(size);
  }

  struct Counts {
    std::int64_t evaluations, ran_ahead, asked_later;
    double seconds;
  };
  Counts counts(const std::string& campaign) {
    const json shown = json::parse(invar("show " + campaign + " --json").out);
    return {shown.at("evaluations"), shown.at("ran_ahead"), shown.at("asked_later"),
            shown.at("seconds")};
  }

  static constexpr const char* off = " --set evaluation.run_ahead=false";
};

TEST_F(RunAhead, GivesTheSameAnswerOnAnyNumberOfRanks) {
  // With draws that are added after each rejection, and without.
  for (const std::string growth : {"", ", line_search_sample_growth_factor: 1.2"}) {
    std::string study = study_with_rejections(growth);
    study.replace(study.find("sleep_s: 0.05"), 13, "sleep_s: 0.01");
    write_file(folder_ / "study.yaml", study);
    const std::string suffix = growth.empty() ? "" : "-growing";
    const ProgramResult one = invar("run study.yaml --campaign one" + suffix);
    ASSERT_EQ(one.exit_code, 0) << one.err;
    EXPECT_THAT(one.err, HasSubstr("line_search_failed"));
    EXPECT_EQ(counts("one" + suffix).ran_ahead, 0);
    for (const int ranks : {2, 3, 5}) {
      const std::string name = fmt::format("ranks{}{}", ranks, suffix);
      const ProgramResult run = invar("run study.yaml --campaign " + name, ranks);
      ASSERT_EQ(run.exit_code, 0) << run.err;
      EXPECT_EQ(difference("one" + suffix, name), "") << name;
      // Two groups are both at work on the batch, but for the tail of an odd one.
      EXPECT_TRUE(ranks == 3 || (counts(name).asked_later > 0) == (ranks == 5)) << name;
    }
  }
}

std::string study_with_starts(const std::string& sleep_s, const std::string& keys = "") {
  return fmt::format(R"(invar: 1
title: toy
parameters:
  names: [a, b, c]
  prior: {{family: diagonal, mean: 1, std: 0.5}}
observations:
  values: [2.5, 2.1, 1.8, 1.5, 1.3, 1.1]
  covariance: {{std: 0.05}}
inference: {{method: regression_vi, random_seed: 3, starts: 4, sample_size: 4, accuracy: 0.2{}}}
model: {{type: toy, sleep_s: {}}}
campaign: {{segment_seconds: 0}}
)",
                     keys, sleep_s);
}

TEST_F(RunAhead, SeveralStartsGiveTheSameAnswerOnAnyNumberOfRanks) {
  write_file(folder_ / "study.yaml", study_with_starts("0.01"));
  const ProgramResult one = invar("run study.yaml --campaign one");
  ASSERT_EQ(one.exit_code, 0) << one.err;
  for (const int ranks : {2, 3, 9}) {
    const std::string name = fmt::format("ranks{}", ranks);
    const ProgramResult run = invar("run study.yaml --campaign " + name, ranks);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(difference("one", name), "") << name;
  }
  EXPECT_GT(counts("ranks9").asked_later, 0);
  ASSERT_EQ(invar("run study.yaml --campaign off" + std::string(off), 9).exit_code, 0);
  EXPECT_EQ(difference("one", "off"), "");
  EXPECT_EQ(counts("off").ran_ahead, 0);
}

TEST_F(RunAhead, FewDirectionsGiveTheSameAnswerOnAnyNumberOfRanks) {
  write_file(folder_ / "study.yaml", study_with_starts("0.01", ", family: low_rank"));
  const std::string seed = " --set inference.random_seed=4";
  ASSERT_EQ(invar("run study.yaml --campaign one" + seed).exit_code, 0);
  const ProgramResult nine = invar("run study.yaml --campaign nine" + seed, 9);
  ASSERT_EQ(nine.exit_code, 0) << nine.err;
  EXPECT_EQ(difference("one", "nine"), "");
  EXPECT_GT(counts("nine").asked_later, 0);
}

TEST_F(RunAhead, SeveralStartsNeedFewerTurns) {
  write_file(folder_ / "study.yaml", study_with_starts("0.05"));
  num_calls();
  ASSERT_EQ(invar("run study.yaml --campaign off" + std::string(off), 9).exit_code, 0);
  const std::int64_t num_needed = num_calls();
  ASSERT_EQ(invar("run study.yaml --campaign on", 9).exit_code, 0);
  const std::int64_t num_made = num_calls();

  const Counts without = counts("off");
  const Counts with = counts("on");
  EXPECT_EQ(num_needed, without.evaluations);
  EXPECT_EQ(num_made, with.evaluations + with.ran_ahead - with.asked_later);
  EXPECT_GT(with.asked_later, with.evaluations / 5);
  EXPECT_GT(with.asked_later, with.ran_ahead / 2) << "little is run for nothing";
  EXPECT_LT(with.seconds, 0.9 * without.seconds);
}

TEST_F(RunAhead, MakesEveryRunOnceAndNeedsFewerTurns) {
  num_calls();
  ASSERT_EQ(invar("run study.yaml --campaign off" + std::string(off), 5).exit_code, 0);
  const std::int64_t num_needed = num_calls();
  ASSERT_EQ(invar("run study.yaml --campaign on", 5).exit_code, 0);
  const std::int64_t num_made = num_calls();

  const Counts without = counts("off");
  const Counts with = counts("on");
  EXPECT_EQ(num_needed, without.evaluations);
  EXPECT_EQ(without.ran_ahead, 0);
  EXPECT_EQ(with.evaluations, without.evaluations);
  EXPECT_EQ(num_made, with.evaluations + with.ran_ahead - with.asked_later);
  // Of thirteen rejected candidates every other one has been run while the one before it was.
  EXPECT_GE(with.asked_later, 10);
  EXPECT_LT(with.seconds, 0.8 * without.seconds);
  EXPECT_THAT(invar("show on").out, HasSubstr("of them were asked for later"));
  EXPECT_THAT(invar("show off").out, Not(HasSubstr("ran ahead")));
}

TEST_F(RunAhead, KeepsItsRunsOverStopsAndChangesOfItsMind) {
  ASSERT_EQ(invar("run study.yaml --campaign reference").exit_code, 0);
  ASSERT_EQ(invar("run study.yaml --campaign c --stop-after 3", 5).exit_code, 75);
  const Counts before = counts("c");
  EXPECT_GT(before.ran_ahead, before.asked_later);
  num_calls();

  const ProgramResult resumed = invar("resume c" + std::string(off), 5);

  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("evaluation.run_ahead: true -> false"));
  EXPECT_EQ(difference("reference", "c"), "");
  const Counts after = counts("c");
  EXPECT_EQ(after.ran_ahead, before.ran_ahead);
  EXPECT_GT(after.asked_later, before.asked_later) << "on record since before the stop";
  EXPECT_EQ(num_calls() + (after.asked_later - before.asked_later),
            after.evaluations - before.evaluations);
}

TEST_F(RunAhead, LeavesFailuresAheadOutOfTheBudgetAndRunsThemAgain) {
  // The first candidates are far from the prior, and fail; without a budget for it.
  const std::string failing = " --set model.throw_above=1.6 --set evaluation.failure_budget=1";
  const ProgramResult off_run =
      invar("run study.yaml --campaign off" + failing + std::string(off), 5);
  const ProgramResult on_run = invar("run study.yaml --campaign on" + failing, 5);

  EXPECT_EQ(on_run.exit_code, off_run.exit_code) << on_run.err;
  EXPECT_EQ(difference("off", "on"), "");
  const json off_shown = json::parse(invar("show off --json").out);
  const json on_shown = json::parse(invar("show on --json").out);
  EXPECT_GT(off_shown.at("failed"), 0);
  EXPECT_EQ(off_shown.at("failed"), on_shown.at("failed"));
}

TEST_F(RunAhead, WritesTheAnswerBeforeItWaitsForRunsThatAreOfNoUse) {
  // The method ends with its second round, ids 2 and 3, while later ids take their time.
  write_file(folder_ / "model.sh",
             "case $PWD in */[0-3]) ;; *) sleep 3 ;; esac\n"
             "echo '{\"functions\": [2, 2, 2, 2, 2, 2]}' > $2\n");
  std::string study = study_with_rejections();
  study.replace(
      study.find("model:"), std::string::npos,
      "model: {type: process, command: [sh, model.sh], parameters: json, results: json}\n");
  write_file(folder_ / "study.yaml", study);
  const auto begin = std::chrono::steady_clock::now();

  const ProgramResult run = invar(
      "run study.yaml --campaign c --set inference.elbo_relative_tolerance=1e9 --set "
      "inference.line_search_config.relaxation_parameter=1e9",
      5);

  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("finished: elbo_relative_tolerance"));
  EXPECT_THAT(run.err, HasSubstr("groups are still at a run ahead"));
  EXPECT_THAT(run.err, Not(HasSubstr("MPI_ABORT")));
  EXPECT_GT(elapsed.count(), 2.5);
  EXPECT_LT(elapsed.count(), 20);
  EXPECT_EQ(counts("c").evaluations, 4);
}

}  // namespace
}  // namespace invar::test
