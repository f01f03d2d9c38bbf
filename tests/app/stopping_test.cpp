// Stops in good order: signals, time limits, and runs that are longer than the time there is.
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/campaign_fixture.hpp"

namespace invar::test {
namespace {

using ::testing::HasSubstr;

class Stopping : public ProgramTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(invar("run study.yaml --campaign reference" + slow_, 3).exit_code, 0);
  }

  /// Starts the program, waits until the campaign has recorded an evaluation, and runs `then`, a
  /// shell script in which $p is what was started (mpiexec, on several ranks).
  ProgramResult signalled(const std::string& arguments, const std::string& then,
                          const std::string& campaign, int num_ranks) {
    return run_shell("sh -c 'cd " + folder_.path().string() + "; " +
                     on_ranks(num_ranks, program()) + " " + arguments +
                     " & p=$!; until grep -q \"evaluations.: [1-9]\" " + campaign +
                     "/status.json 2>/dev/null; do sleep 0.05; done; " + then + " wait $p'");
  }

  void expect_resumes_to_the_reference(const std::string& campaign) {
    const ProgramResult last = invar("resume " + campaign, 3);
    ASSERT_EQ(last.exit_code, 0) << last.err;
    EXPECT_EQ(difference("reference", campaign), "") << campaign;
  }

  const std::string slow_ = " --set model.sleep_s=0.01";
};

TEST_F(Stopping, OnSigusr1FinishesWhatRunsAndResumesToTheBit) {
  const ProgramResult stopped =
      signalled("run study.yaml --campaign c" + slow_, "kill -USR1 $p;", "c", 3);

  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("SIGUSR1: stopping; what runs is finished first"));
  EXPECT_THAT(stopped.err, HasSubstr("stopped: stopped_early; SIGUSR1 asked for it"));
  EXPECT_THAT(invar("show c").out, HasSubstr("stopped (stopped_early)"));
  expect_resumes_to_the_reference("c");
}

TEST_F(Stopping, OnSigtermAndSigintOnOneRankDoesTheSame) {
  for (const std::string signal : {"TERM", "INT"}) {
    const ProgramResult stopped = signalled("run study.yaml --campaign " + signal + slow_,
                                            "kill -" + signal + " $p;", signal, 1);

    EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
    EXPECT_THAT(stopped.err, HasSubstr("SIG" + signal + ": stopping"));
    expect_resumes_to_the_reference(signal);
  }
}

TEST_F(Stopping, AtASecondSigintLosesNoMoreThanAKill) {
  const ProgramResult killed = signalled("run study.yaml --campaign c --set model.sleep_s=1",
                                         "kill -INT $p; sleep 0.3; kill -INT $p;", "c", 1);

  EXPECT_EQ(killed.exit_code, 130) << killed.err;
  EXPECT_THAT(invar("show c").out, HasSubstr("interrupted"));
  EXPECT_EQ(invar("resume c --set evaluation.concurrency=1 --stop-after 0").exit_code, 75);
}

TEST_F(Stopping, OnSigtermOfMpiexecLosesNoMoreThanAKill) {
  const ProgramResult killed =
      signalled("run study.yaml --campaign c" + slow_, "kill -TERM $p;", "c", 3);

  EXPECT_NE(killed.exit_code, 0);
  expect_resumes_to_the_reference("c");
}

TEST_F(Stopping, OnSigusr2SaysHowItStandsAndGoesOn) {
  const ProgramResult finished = signalled("run study.yaml --campaign c" + slow_,
                                           "kill -USR2 $p; sleep 0.3; kill -USR2 $p;", "c", 3);

  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("invar: status: "));
  EXPECT_EQ(difference("reference", "c"), "");
}

TEST_F(Stopping, NearTheTimeLimitStartsNothingThatWouldNotFinish) {
  std::string command = "run study.yaml --campaign c --time-limit 4 --set model.sleep_s=0.1";
  const auto begin = std::chrono::steady_clock::now();
  const ProgramResult stopped = invar(command, 3);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;

  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_LT(took.count(), 4.5);
  EXPECT_THAT(stopped.err,
              ::testing::AnyOf(HasSubstr("too little time is left for another run"),
                               HasSubstr("the end of the time is near: --time-limit 4")));
  expect_resumes_to_the_reference("c");
}

TEST_F(Stopping, AtTheTimeLimitAbandonsWhatStillRunsAndSavesEverything) {
  // The third parameter set or so hangs; the others are quick.
  const std::string hangs = " --set model.hang_above=1.2 --set model.sleep_s=0";
  const auto begin = std::chrono::steady_clock::now();
  const ProgramResult stopped = invar("run study.yaml --campaign c --time-limit 00:05" + hangs, 3);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;

  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_LT(took.count(), 6.0);
  EXPECT_THAT(invar("show c").out, HasSubstr("stopped (stopped_early)"));
}

TEST_F(Stopping, AbandonsAnIsolatedRunOnOneRankToo) {
  const auto begin = std::chrono::steady_clock::now();
  const ProgramResult stopped = invar(
      "run study.yaml --campaign c --time-limit 6 --set model.isolation=process --set "
      "model.sleep_s=60");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;

  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_LT(took.count(), 6.5);
  EXPECT_THAT(stopped.err, HasSubstr("the time was too short for a single run"));
}

TEST_F(Stopping, SaysWhenTheTimeIsTooShortForASingleRun) {
  const ProgramResult stopped =
      invar("run study.yaml --campaign c --set model.sleep_s=30 --time-limit 4", 2);

  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("the time was too short for a single run"));
}

TEST_F(Stopping, AtADeadlineThatHasPassedStartsNothing) {
  const ProgramResult stopped =
      invar("run study.yaml --campaign c --set evaluation.deadline=2020-01-01T00:00:00Z", 2);
  const ProgramResult resumed = invar("resume c --set evaluation.deadline=none", 2);

  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("evaluation.deadline 2020-01-01T00:00:00Z, which has passed"));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("changed: evaluation.deadline"));
  EXPECT_EQ(difference("reference", "c"), "");
}

}  // namespace
}  // namespace invar::test
