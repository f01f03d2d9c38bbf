// What a program may do, and what becomes of it.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "model_process/fixture.hpp"

namespace invar::model_process {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// Processes whose command line holds a word.
int num_processes_with(const std::string& word) {
  int found = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    if (std::isdigit(static_cast<unsigned char>(entry.path().filename().string()[0])) != 0) {
      found += read_file(entry.path() / "cmdline").find(word) != std::string::npos ? 1 : 0;
    }
  }
  return found;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<model::ModelRequest> three_requests() {
  std::vector<model::ModelRequest> requests;
  for (const int i : {0, 1, 2}) {
    requests.emplace_back(Eigen::Vector2d(i, 10 * i), 40 + i);
  }
  return requests;
}

class Process : public ProcessTest {
 protected:
  /// Runs a script that must fail.
  void expect(const std::string& script, Status status, const std::string& part) {
    const model::ModelResult result = run(script);
    EXPECT_EQ(result.status, status) << script << "\n" << result.message;
    EXPECT_THAT(result.message, HasSubstr(part)) << script;
  }
};

TEST_F(Process, RunsABatchInOneStart) {
  for (const auto parameters : {ParametersFormat::standard, ParametersFormat::aprepro}) {
    ProcessOptions options = shell(
        "echo start >> ../starts\n"
        "tr -d '{}=' < $1 | awk '$1 == \"a\" || $2 == \"a\" {a = $1 == \"a\" ? $2 : $1}\n"
        "  $1 == \"b\" || $2 == \"b\" {print \"#\"; print a + 0.5; print ($1 == \"b\" ? $2 : $1)}' "
        "> $2");
    options.batch = 4;
    options.parameters = parameters;
    options.work_directory = (folder_ / "runs").string();
    const auto model = make(options);

    const auto results = model->evaluate_several(three_requests());

    EXPECT_EQ(model->most_at_once(), 4);
    ASSERT_EQ(results.size(), 3U);
    for (int i = 0; i < 3; ++i) {
      const model::ModelResult& result = results[static_cast<std::size_t>(i)];
      ASSERT_TRUE(result.is_ok()) << result.message;
      EXPECT_EQ(result.qois, Eigen::Vector2d(i + 0.5, 10 * i));
    }
    EXPECT_EQ(read_file(folder_ / "runs/starts"), "start\n");
    fs::remove(folder_ / "runs/starts");
    EXPECT_THAT(kept(), IsEmpty());
  }
}

TEST_F(Process, TellsTheRunsOfABatchApart) {
  ProcessOptions options = shell("printf '1 2\\n#\\nFAIL no convergence\\n# third\\n3 x\\n' > $2");
  options.batch = 3;

  const auto results = make(options)->evaluate_several(three_requests());

  EXPECT_EQ(results[0].qois, Eigen::Vector2d(1, 2));
  EXPECT_EQ(results[1].status, Status::model_failed);
  EXPECT_THAT(results[1].message, HasSubstr("no convergence"));
  EXPECT_EQ(results[2].status, Status::bad_output);
  EXPECT_THAT(kept(), ElementsAre("40-42"));
}

TEST_F(Process, FailsAllOfABatchThatEndsBadly) {
  auto requests = three_requests();
  requests[1].parameters[0] = std::nan("");
  const auto run_batch = [&](const std::string& script) {
    ProcessOptions options = shell(script);
    options.batch = 3;
    options.results = ResultsFormat::json;
    options.parameters = ParametersFormat::json;
    const auto model = make(options);
    model->limit_time(0.2);
    return model->evaluate_several(requests);
  };

  const auto crashed = run_batch("exit 3");
  const auto short_list = run_batch("echo '[{\"functions\": [1, 2]}]' > $2");
  const auto no_list = run_batch("echo '{\"functions\": [1, 2]}' > $2");
  const auto late = run_batch("sleep 30");
  const auto good =
      run_batch("echo '[{\"functions\": [1, 2]}, {\"functions\": {\"a\": 3, \"b\": 4}}]' > $2");

  for (const std::size_t i : {0U, 2U}) {
    EXPECT_EQ(crashed[i].status, Status::crashed);
    EXPECT_EQ(short_list[i].status, Status::bad_output);
    EXPECT_THAT(short_list[i].message, HasSubstr("expected results of 2 evaluations, found 1"));
    EXPECT_EQ(no_list[i].status, Status::bad_output);
    EXPECT_EQ(late[i].status, Status::timeout);
    EXPECT_THAT(late[i].message, HasSubstr("0.4 s (2 x evaluation.timeout_s)"));
    EXPECT_TRUE(good[i].is_ok()) << good[i].message;
  }
  EXPECT_EQ(good[1].status, Status::model_failed);  // the parameter that is not finite
  EXPECT_EQ(good[2].qois, Eigen::Vector2d(3, 4));
}

TEST_F(Process, GivesTheQoisOfTheProgram) {
  const model::ModelResult result = run("echo '1 q\n -2.5e1 other' > $2");

  EXPECT_TRUE(result.is_ok()) << result.message;
  EXPECT_EQ(result.qois, Eigen::Vector2d(1.0, -25.0));
}

TEST_F(Process, RunsInADirectoryOfItsOwnWithTheFilesNamed) {
  ProcessOptions options = shell(
      "pwd > $2.tmp; echo $# $1 $2 >> $2.tmp; cp $2.tmp "
      "$(dirname $0)/seen; echo 1 2 > $2");
  options.keep = Keep::all;
  const auto model = make(options);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(model->evaluate({Eigen::Vector2d(1, 2), 17}).is_ok());
  }

  EXPECT_EQ(read_file(folder_ / "seen"),
            fmt::format("{}\n2 params.in results.out\n", (folder_ / "runs/17.2").string()));
  EXPECT_THAT(read_file(folder_ / "runs/17/params.in"), HasSubstr("1.0000000000000000e+00 a\n"));
}

TEST_F(Process, RemovesTheDirectoryOfASuccessAndKeepsThatOfAFailure) {
  ASSERT_TRUE(run("mkdir x; touch x/y; echo 1 2 > $2").is_ok());
  EXPECT_THAT(kept(), IsEmpty());

  const model::ModelResult failed = run("echo said; echo why >&2; exit 3");

  EXPECT_THAT(kept(), ElementsAre("17"));
  EXPECT_THAT(failed.message, EndsWith("(see " + (folder_ / "runs/17").string() + ")"));
  EXPECT_EQ(read_file(folder_ / "runs/17/stdout.txt"), "said\n");
  EXPECT_EQ(read_file(folder_ / "runs/17/stderr.txt"), "why\n");
}

TEST_F(Process, KeepsTheDirectoryOfAResultThatIsNotFinite) {
  const model::ModelResult result = run("echo nan 1 > $2");

  EXPECT_TRUE(result.is_ok());  // as for every model: the worker says non_finite
  EXPECT_TRUE(std::isnan(result.qois[0]));
  EXPECT_THAT(kept(), ElementsAre("17"));
}

TEST_F(Process, KeepsNothingWhereNothingIsWanted) {
  ProcessOptions options = shell("exit 1");
  options.keep = Keep::none;

  EXPECT_THAT(make(options)->evaluate(Eigen::Vector2d(1, 2)).message, Not(HasSubstr("see")));
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(Process, SaysHowTheProgramCrashed) {
  expect("exit 3", Status::crashed, "the program ended with exit code 3");
  expect("echo 1 2 > $2; exit 3", Status::crashed, "exit code 3");
  expect("kill -SEGV $$", Status::crashed, "killed by signal 11 (Segmentation fault)");
  expect("echo first >&2; echo 'no licence' >&2; exit 1", Status::crashed,
         "; it said: first | no licence");
}

TEST_F(Process, SaysThatTheProgramFailed) {
  expect("echo FAIL > $2", Status::model_failed, "the program said: FAIL");
  expect("echo; echo '  failed to mesh' > $2", Status::model_failed, "failed to mesh");
  expect("echo fail > $2; exit 1", Status::model_failed, "said: fail");
}

TEST_F(Process, SaysWhatIsWrongWithTheResults) {
  expect("true", Status::bad_output, "did not write results.out");
  expect("mkdir $2", Status::bad_output, "did not write results.out");
  expect("mkfifo $2", Status::bad_output, "did not write results.out");
  expect(": > $2", Status::bad_output, "expected 2 numbers, found 0");
  expect("echo 1 > $2", Status::bad_output, "expected 2 numbers, found 1");
  expect("echo 1 2 3 > $2", Status::bad_output, "expected 2 numbers, found 3");
  expect("echo 1 2x > $2", Status::bad_output, "found `2x`");
  expect("head -c 1000 /dev/urandom > $2", Status::bad_output, "results.out");
  expect("printf '1 2.0e' > $2", Status::bad_output, "found `2.0e`");
  expect("printf '1.5D+0x 2' > $2", Status::bad_output, "found `1.5D+0x`");
  expect("ln -s /dev/zero $2", Status::bad_output, "did not write results.out");
  expect("truncate -s 100G $2", Status::bad_output, "results.out");
  expect("rm -r $PWD", Status::bad_output, "did not write results.out");
}

TEST_F(Process, TakesTheExponentsOfFortran) {
  const model::ModelResult result = run("echo 1.25D+01 -2d-1 > $2");

  EXPECT_TRUE(result.is_ok()) << result.message;
  EXPECT_EQ(result.qois, Eigen::Vector2d(12.5, -0.2));
}

TEST_F(Process, SurvivesAProgramThatKillsOrStopsAllThatItReaches) {
  expect("kill -KILL 0", Status::crashed, "killed by signal 9");
  expect("sleep 987657 & kill -KILL 0", Status::crashed, "killed by signal 9");
  EXPECT_EQ(num_processes_with("987657"), 0);
  EXPECT_EQ(run("kill -STOP $$", 0.2).status, Status::timeout);
}

TEST_F(Process, SaysThatAFileGrewBeyondItsLimit) {
  expect("trap '' 25; ulimit -f 0; echo 1 2 > $2; exit 0", Status::bad_output,
         "expected 2 numbers, found 0");
  expect("ulimit -f 8; exec head -c 1000000 /dev/zero > $2", Status::crashed,
         "killed by signal 25 (File size limit exceeded)");
}

TEST_F(Process, SurvivesAProgramThatFillsTheDisk) {
  fs::create_directory(folder_ / "disk");
  if (::mount("none", (folder_ / "disk").c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "needs the right to mount";
  }
  struct Unmount {
    std::string path;
    ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
  } const at_last{(folder_ / "disk").string()};
  ProcessOptions options = shell(
      "test -e ../../full || { echo 1 2 > $2; exit; }; head -c 1000000 /dev/zero > big; echo why; "
      "echo 1 2 > $2");
  options.work_directory = (folder_ / "disk/runs").string();
  {
    const auto model = make(options);
    ASSERT_TRUE(model->evaluate(Eigen::Vector2d(1, 2)).is_ok());
    test::write_file(folder_ / "disk/full", "");

    const model::ModelResult filled = model->evaluate(Eigen::Vector2d(1, 2));
    const model::ModelResult on_full_disk = model->evaluate(Eigen::Vector2d(1, 2));
    fs::remove_all(folder_ / "disk/runs");
    fs::remove(folder_ / "disk/full");
    const model::ModelResult mended = model->evaluate(Eigen::Vector2d(1, 2));

    EXPECT_THAT(filled.status, ::testing::AnyOf(Status::crashed, Status::bad_output));
    EXPECT_EQ(on_full_disk.status, Status::transport) << on_full_disk.message;
    EXPECT_THAT(on_full_disk.message, HasSubstr("No space left on device"));
    EXPECT_TRUE(mended.is_ok()) << mended.message;
  }
  EXPECT_EQ(::umount((folder_ / "disk").c_str()), 0);  // nobody is left who uses it
}

TEST_F(Process, EndsAProgramThatTakesTooLong) {
  const auto begin = std::chrono::steady_clock::now();
  for (const char* script : {"sleep 987651", "trap '' TERM; echo busy >&2; while true; do :; done",
                             "trap '' TERM; (trap '' TERM; sleep 987651) & sleep 987651",
                             "setsid sleep 987651 & setsid setsid sleep 987651; sleep 987651"}) {
    const model::ModelResult result = run(script, 0.2);

    EXPECT_EQ(result.status, Status::timeout) << script << result.message;
    EXPECT_THAT(result.message, HasSubstr("no answer within 0.2 s (evaluation.timeout_s)"));
    EXPECT_EQ(num_processes_with("987651"), 0) << script;
  }
  EXPECT_LT(seconds_since(begin), 10.0);
}

TEST_F(Process, GivesAProgramTheTimeToCleanUp) {
  ASSERT_EQ(run("trap 'echo gone > cleaned; exit 0' TERM; sleep 10 & wait", 0.2).status,
            Status::timeout);

  EXPECT_EQ(read_file(folder_ / "runs/17/cleaned"), "gone\n");
}

TEST_F(Process, EndsWhatTheProgramLeavesBehind) {
  for (const char* script :
       {"sleep 987652 & echo 1 2 > $2", "setsid sleep 987652 & sleep 0.05; echo 1 2 > $2",
        "exec >&- 2>&-; (setsid sh -c 'sleep 987652; true' &) ; sleep 0.05; echo 1 2 > $2",
        "setsid sh -c '(trap \"\" TERM HUP; cd /; sleep 987652 >/dev/null 2>&1) & exit' & wait; "
        "sleep 0.05; echo 1 2 > $2",
        "for i in 1 2 3 4 5 6 7 8; do (setsid sleep 987652 &) & done; sleep 0.05; echo 1 2 > $2"}) {
    const model::ModelResult result = run(script);

    EXPECT_TRUE(result.is_ok()) << script << result.message;
    EXPECT_EQ(num_processes_with("987652"), 0) << script;
  }
}

TEST_F(Process, GoesOnWhenTheProgramClosesItsOutput) {
  const model::ModelResult result = run("exec >&- 2>&-; sleep 0.1; echo 1 2 > $2");

  EXPECT_TRUE(result.is_ok()) << result.message;
}

TEST_F(Process, KeepsTheBeginningAndTheEndOfAFlood) {
  const model::ModelResult result =
      run("head -c 100000000 /dev/zero | tr '\\0' x; echo the end; echo 1 > $2");

  EXPECT_EQ(result.status, Status::bad_output);
  const std::string text = read_file(folder_ / "runs/17/stdout.txt");
  EXPECT_LT(text.size(), 1200000U);
  EXPECT_THAT(text, HasSubstr("bytes are left out here]"));
  EXPECT_THAT(text.substr(text.size() - 10), EndsWith("the end\n"));
}

TEST_F(Process, ReadsNothingAndHasNoTracesOfTheLauncher) {
  ::setenv("OMPI_COMM_WORLD_RANK", "3", 1);
  ::setenv("PMIX_RANK", "3", 1);
  const model::ModelResult result =
      run("cat; env | grep -c '^OMPI_COMM\\|^PMIX'; ls /proc/self/fd | wc -l; "
          "echo $DAKOTA_PARAMETERS_FILE; trap");
  ::unsetenv("OMPI_COMM_WORLD_RANK");
  ::unsetenv("PMIX_RANK");

  EXPECT_EQ(result.status, Status::bad_output);
  EXPECT_EQ(read_file(folder_ / "runs/17/stdout.txt"), "0\n4\nparams.in\n");
}

TEST_F(Process, RefusesParametersThatAreNotFinite) {
  const auto model = make(shell("echo 1 2 > $2"));

  const model::ModelResult result = model->evaluate(Eigen::Vector2d(1, NAN));

  EXPECT_EQ(result.status, Status::model_failed);
  EXPECT_THAT(result.message, HasSubstr("not finite"));
}

TEST_F(Process, SaysThatAProgramIsMissingBeforeAnythingRuns) {
  ProcessOptions options = shell("");
  for (const std::string& program :
       {std::string("/no/such/program"), std::string("no-such-program"),
        (folder_ / "script.sh").string()}) {
    options.command = {program};
    try {
      make(options);
      FAIL() << program;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      EXPECT_THAT(error.what(), HasSubstr("`model.command`: there is no program `" + program));
    }
  }
}

TEST_F(Process, SaysThatAProgramThatWentAwayCannotBeStarted) {
  fs::copy_file("/bin/sh", folder_ / "sh");
  ProcessOptions options = shell("echo 1 2 > $2");
  options.command[0] = (folder_ / "sh").string();
  const auto model = make(options);
  ASSERT_TRUE(model->evaluate(Eigen::Vector2d(1, 2)).is_ok());
  fs::remove(folder_ / "sh");

  const model::ModelResult result = model->evaluate(Eigen::Vector2d(1, 2));

  EXPECT_EQ(result.status, Status::crashed);
  EXPECT_THAT(result.message, HasSubstr("cannot start"));
  EXPECT_THAT(result.message, HasSubstr("No such file"));
}

TEST_F(Process, SaysThatNoDirectoryCanBeMade) {
  ProcessOptions options = shell("echo 1 2 > $2");
  options.work_directory = (folder_ / "script.sh/x").string();

  EXPECT_THROW(make(options), Error);
}

TEST_F(Process, SurvivesAWatcherThatIsKilled) {
  const auto model = make(shell("kill -KILL $PPID; exec sleep 987653"));

  const model::ModelResult result = model->evaluate(Eigen::Vector2d(1, 2));
  const model::ModelResult again = model->evaluate(Eigen::Vector2d(1, 2));

  EXPECT_EQ(result.status, Status::transport) << result.message;
  EXPECT_EQ(again.status, Status::transport) << again.message;
}

TEST_F(Process, LeavesNothingWhenTheRankDies) {
  const pid_t rank = ::fork();
  if (rank == 0) {
    run("trap '' TERM; setsid sleep 987654 & sleep 987654");
    ::_exit(0);
  }
  for (int i = 0; i < 500 && num_processes_with("987654") < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_EQ(num_processes_with("987654"), 2);

  ::kill(rank, SIGKILL);
  ::waitpid(rank, nullptr, 0);

  for (int i = 0; i < 500 && num_processes_with("987654") > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(num_processes_with("987654"), 0);
}

TEST_F(Process, GivesAProgramTheTimeToCleanUpWhenTheRankDies) {
  const pid_t rank = ::fork();
  if (rank == 0) {
    run("trap 'echo gone > cleaned; exit 0' TERM; : > ready; sleep 987656 & wait");
    ::_exit(0);
  }
  const auto wait_for = [this](const std::string& name) {
    for (int i = 0; i < 500 && !fs::exists(folder_ / "runs/17" / name); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return fs::exists(folder_ / "runs/17" / name);
  };
  ASSERT_TRUE(wait_for("ready"));

  ::kill(rank, SIGKILL);
  ::waitpid(rank, nullptr, 0);

  EXPECT_TRUE(wait_for("cleaned"));
  for (int i = 0; i < 500 && num_processes_with("987656") > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(num_processes_with("987656"), 0);
}

TEST_F(Process, LeaksNothingOverTwoHundredRuns) {
  const auto model = make(shell("case $(cat $1) in *-1.*) exit 1;; esac; echo 1 2 > $2"));
  const auto num_descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto num_children = [] {
    std::ifstream file(fmt::format("/proc/self/task/{}/children", ::getpid()));
    return std::distance(std::istream_iterator<int>(file), std::istream_iterator<int>());
  };
  ASSERT_TRUE(model->evaluate(Eigen::Vector2d(1, 2)).is_ok());
  const auto before = num_descriptors();

  for (int i = 0; i < 200; ++i) {
    model->evaluate(Eigen::Vector2d(1, i % 10 == 0 ? -1.0 : 1.0));
  }

  EXPECT_EQ(num_descriptors(), before);
  EXPECT_EQ(num_children(), 1);
  EXPECT_EQ(kept().size(), 20U);
}

TEST_F(Process, LeaksNothingWhateverTheProgramDoes) {
  const auto model = make(shell("sh -c \"$(cat ../../next)\" sh $1 $2"));
  model->limit_time(0.3);
  const auto num_descriptors = [](const std::string& process) {
    return std::distance(fs::directory_iterator("/proc/" + process + "/fd"),
                         fs::directory_iterator());
  };
  const auto children = [](const std::string& process) {
    return read_file("/proc/" + process + "/task/" + process + "/children");
  };
  test::write_file(folder_ / "next", "echo 1 2 > $2");
  ASSERT_TRUE(model->evaluate(Eigen::Vector2d(1, 2)).is_ok());
  const std::string own = std::to_string(::getpid());
  const std::string watcher = std::to_string(std::stoi(children(own)));
  const auto own_before = num_descriptors(own);
  const auto watcher_before = num_descriptors(watcher);

  for (const char* script :
       {"exit 3", "kill -SEGV $$", "exec >&- 2>&-; sleep 0.05", "sleep 987658", ": > $2",
        "mkdir $2", "setsid sleep 987658 & echo 1 2 > $2", "(setsid sleep 987658 &) &",
        "kill -STOP $$", "trap '' TERM; while true; do :; done", "rm -r $PWD", "kill -KILL 0",
        "head -c 3000000 /dev/zero", "exec 1<&0; cat"}) {
    test::write_file(folder_ / "next", script);
    model->evaluate(Eigen::Vector2d(1, 2));

    EXPECT_EQ(num_processes_with("987658"), 0) << script;
    EXPECT_EQ(children(watcher), "") << script;
    EXPECT_EQ(num_descriptors(own), own_before) << script;
    EXPECT_EQ(num_descriptors(watcher), watcher_before) << script;
  }
  EXPECT_EQ(children(own), watcher + " ");
}

TEST_F(Process, PutsLinksCopiesAndTemplatesIntoTheDirectory) {
  test::write_file(folder_ / "mesh", "a mesh\n");
  ProcessOptions options =
      shell("test -L m || exit 1; test -L c && exit 2; cat m c; cat in; echo 1 > other; exit 0");
  options.link = {{.name = "m", .source = (folder_ / "mesh").string()}};
  options.copy = {{.name = "c", .source = (folder_ / "mesh").string()}};
  options.templates = {{.name = "in", .source = "a = {{a:.1f}}\n"}};
  options.keep = Keep::all;

  const model::ModelResult result = make(options)->evaluate({Eigen::Vector2d(1.5, 2), 1});

  EXPECT_EQ(result.status, Status::bad_output) << result.message;
  EXPECT_EQ(read_file(folder_ / "runs/1/stdout.txt"), "a mesh\na mesh\na = 1.5\n");
}

TEST_F(Process, PicksQoisOutOfOutputs) {
  ProcessOptions options = shell("echo 'lift = 3.0D+00, drag = 2'; echo '1 2 3' > table");
  options.append_files = false;
  options.results = ResultsFormat::outputs;
  options.outputs = {{.file = "stdout.txt", .pattern = "lift = ([^,]*)"},
                     {.file = "table", .pattern = "", .line = -1, .column = 2}};

  const model::ModelResult result = make(options)->evaluate({Eigen::Vector2d(1.5, 2), 1});

  EXPECT_TRUE(result.is_ok()) << result.message;
  EXPECT_EQ(result.qois, Eigen::Vector2d(3, 2));
}

}  // namespace
}  // namespace invar::model_process
