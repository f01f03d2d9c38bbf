// `invar doctor`: models that are fit are called so, whatever else a model does to its process is a
// finding, and nothing stays behind.
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

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
using testing::Not;

class Doctor : public ProgramTest {
 protected:
  Doctor() {
    ::setenv("INVAR_TEST_MARK", folder_.path().c_str(), 1);
    fs::create_directory(folder_ / "tmp");
    ::setenv("TMPDIR", (folder_ / "tmp").c_str(), 1);
    write_file(folder_ / "lying.yaml",
               toy_study("", "model: {type: lying}\nevaluation: {timeout_s: 20}\n"));
  }

  /// Everything is gone when the doctor is.
  ~Doctor() override {
    ::unsetenv("TMPDIR");
    EXPECT_TRUE(processes().empty());
    for (const auto& entry : fs::directory_iterator(folder_ / "tmp")) {
      EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("invar-doctor")));
    }
  }

  ProgramResult doctor_of_liar(const std::string& lies, const std::string& more = "") {
    return invar(
        fmt::format("doctor lying.yaml --points 3 --set \"model.lies={}\" {}", lies, more));
  }

  static json figures(const ProgramResult& result) {
    const json report = json::parse(result.out, nullptr, false);
    EXPECT_FALSE(report.is_discarded()) << result.out << result.err;
    return report;
  }

  /// The report without its line breaks, which stand wherever a line was full.
  static std::string words(const std::string& report) {
    std::istringstream all(report);
    std::string text;
    for (std::string word; all >> word;) {
      text += word;
      text += ' ';
    }
    return text;
  }

  /// Fit, whatever the machine's load makes of the times.
  static void expect_fit(const ProgramResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const std::size_t verdict = result.out.find("\nverdict       fit");
    ASSERT_NE(verdict, std::string::npos) << result.out;
    std::istringstream remarks(result.out.substr(verdict + 1));
    std::string line;
    std::getline(remarks, line);
    while (std::getline(remarks, line)) {
      EXPECT_THAT(line, HasSubstr("ranks_per_model"));
    }
  }

  /// The processes of this test, by the mark in their environment; waits for them to go.
  [[nodiscard]] std::vector<pid_t> processes() const {
    std::vector<pid_t> found;
    for (int i = 0; i < 100; ++i) {
      found.clear();
      const std::string mark = fmt::format("INVAR_TEST_MARK={}", folder_.path().string());
      for (const auto& entry : fs::directory_iterator("/proc")) {
        const pid_t process = std::atoi(entry.path().filename().c_str());
        if (process > 0 && process != ::getpid() &&
            read_file(entry.path() / "environ").find(mark) != std::string::npos) {
          found.push_back(process);
        }
      }
      if (found.empty()) {
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return found;
  }
};

TEST_F(Doctor, CallsLynxAndHareFit) {
  const ProgramResult result =
      invar(fmt::format("doctor {}/jobs/lynx-hare/study.yaml --ranks 3", INVAR_SOURCE_DIR));

  expect_fit(result);
  EXPECT_THAT(words(result.out), HasSubstr("2 ranks beside 1 rank: the same bits at all 9 points"));
  EXPECT_THAT(words(result.out), HasSubstr("it gives no derivatives"));
  EXPECT_THAT(result.err, HasSubstr("runs of the model: the prior mean and 8 draws"));
}

TEST_F(Doctor, CallsTheLinearModelFitWithAllItsDerivativesOnAGroupOfTwo) {
  const ProgramResult result = invar(
      "doctor study.yaml --json --ranks 3 --set evaluation.ranks_per_model=2 --set "
      "\"model={type: linear, matrix: [[1,0,2],[0,1,1],[3,2,1],[1,1,1],[1,2,3],[3,2,2]]}\"");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  const json report = figures(result);
  EXPECT_THAT(report.at("verdict").get<std::string>(), HasSubstr("fit"));
  const json& group = report.at("groups").at(0);
  EXPECT_EQ(group.at("num_ranks"), 2);
  EXPECT_EQ(group.at("derivatives").size(), 2U);
  EXPECT_EQ(group.at("derivatives").at(0).at("errors").size(), 8U);
  EXPECT_EQ(group.at("leaks").at("num_calls"), 100);
  EXPECT_EQ(report.at("between_sizes").at(0).at("num_ranks"), 1);
  EXPECT_EQ(report.at("timings").size(), 2U);
}

TEST_F(Doctor, CallsPoissonFit) {
  const ProgramResult result = invar(
      fmt::format("doctor {}/jobs/poisson64/study.yaml --ranks 3 --points 2", INVAR_SOURCE_DIR));

  expect_fit(result);
  EXPECT_THAT(words(result.out), HasSubstr("2 ranks beside 1 rank"));
  EXPECT_THAT(words(result.out), HasSubstr("64 of 64 parameters move a QoI, 169 of 169 QoIs move"));
}

TEST_F(Doctor, NamesEverythingThatOneModelLiesAbout) {
  const ProgramResult result = doctor_of_liar(
      "memory descriptors communicators jacobian group_size dead_parameter swallow_nan",
      "--ranks 3");

  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(words(result.out), HasSubstr("verdict not fit "));
  for (const char* finding :
       {"memory grows by 1", "descriptors (open files) are not given back: 1 more per run",
        "communicators are not given back: 1 more per run", "the Jacobian is off by",
        "the answer depends on the group size", "no QoI reacts to c", "finite QoIs for NaN in"}) {
    EXPECT_THAT(words(result.out), HasSubstr(finding));
  }
}

TEST_F(Doctor, SurvivesAModelThatCrashesOnNanAndHangsFarOff) {
  const ProgramResult result =
      doctor_of_liar("crash_on_nan hang_far", "--ranks 1 --time-limit 0.5 --calls 4");

  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(result.out, HasSubstr("the model takes its process along (the process was killed by "
                                    "signal 11"));
  EXPECT_THAT(words(result.out), HasSubstr("NaN in a"));
  EXPECT_THAT(words(result.out),
              HasSubstr("the model hangs (no answer within 0.5 s) at: all 1000 std"));
  EXPECT_THAT(words(result.out), HasSubstr("more were left out"));
}

TEST_F(Doctor, SaysThatIsolationMakesACrashOneFailedRun) {
  const ProgramResult result =
      doctor_of_liar("crash_on_nan", "--ranks 1 --set model.isolation=process --calls 4");

  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(words(result.out), HasSubstr("verdict fit, with remarks"));
  EXPECT_THAT(words(result.out), HasSubstr("model.isolation makes that one failed run"));
}

TEST_F(Doctor, SurvivesAModelThatCrashesInItsUsualRuns) {
  const ProgramResult result = doctor_of_liar("crash", "--set evaluation.ranks_per_model=2");

  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(words(result.out),
              HasSubstr("the model does not get through its usual runs on 2 ranks"));
}

TEST_F(Doctor, TellsThatTheModelCannotBeMade) {
  const ProgramResult result = invar(
      "doctor study.yaml --ranks 1 --set \"model={type: process, command: [/no/such/program]}\"");

  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(words(result.out), HasSubstr("there is no program `/no/such/program`"));
}

TEST_F(Doctor, PlansForTheRanksItIsStartedOn) {
  const ProgramResult result =
      invar("doctor study.yaml --json --calls 4 --points 1 --set \"model={type: lying}\"", 3);

  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  const json report = figures(result);
  EXPECT_EQ(report.at("recommendation").at("num_ranks"), 3);
  EXPECT_EQ(report.at("groups").size(), 2U);
}

TEST_F(Doctor, GoesOnWithoutALauncher) {
  const ProgramResult result = doctor_of_liar("", "--ranks 3 --launcher no-such-mpirun");

  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(words(result.out), HasSubstr("2 ranks: not known: there is no `no-such-mpirun`"));
  EXPECT_THAT(words(result.out), HasSubstr("verdict fit, with remarks"));
}

TEST_F(Doctor, SeesRanksThatDoNotKnowOfEachOther) {
  write_file(folder_ / "not-mpirun", "#!/bin/sh\nshift 2\nexec \"$@\"\n");
  fs::permissions(folder_ / "not-mpirun", fs::perms::owner_all);

  const ProgramResult result = doctor_of_liar("", "--ranks 3 --launcher ./not-mpirun");

  EXPECT_THAT(words(result.out), HasSubstr("2 ranks: not known: expected 2 ranks, found 1"));
}

TEST_F(Doctor, LeavesNothingBehindWhenItIsStopped) {
  const pid_t job = ::fork();
  if (job == 0) {
    const std::string line = without_job(
        fmt::format("cd {} && exec {} doctor lying.yaml --set 'model.lies=children hang_far' "
                    ">out 2>err",
                    folder_.path().string(), program()));
    ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  for (int i = 0;
       i < 500 && read_file(folder_ / "err").find("1 rank: hostile") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  ::kill(job, SIGTERM);
  int status = 0;
  ::waitpid(job, &status, 0);

  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 75);
  EXPECT_THAT(read_file(folder_ / "err"), HasSubstr("stopped before the examination was over"));
}

TEST_F(Doctor, RefusesAStudyThatIsWrong) {
  const ProgramResult result = invar("doctor study.yaml --set model.type=none");

  EXPECT_EQ(result.exit_code, 78);
  EXPECT_THAT(result.err, HasSubstr("model.type"));
  EXPECT_EQ(result.out, "");
}

TEST_F(Doctor, RefusesOptionsThatMakeNoSense) {
  for (const char* option : {"--points 0", "--ranks 0", "--time-limit never", "--launcher \" \""}) {
    EXPECT_EQ(invar(fmt::format("doctor study.yaml {}", option)).exit_code, 64) << option;
  }
}

}  // namespace
}  // namespace invar::test
