#include "doctor/examination.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <sstream>
#include <thread>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "doctor/checks.hpp"
#include "doctor/child_program.hpp"
#include "doctor/difference.hpp"
#include "doctor/group_sizes.hpp"
#include "doctor/judgement.hpp"
#include "doctor/points.hpp"
#include "doctor/results_json.hpp"
#include "doctor/transcript.hpp"
#include "invar/core/error.hpp"

namespace invar::doctor {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// To start the program and to make the model may take longer than a run.
constexpr double least_build_limit_s = 600.0;
// A hostile run may take so many times the longest usual one, where the study has no timeout.
constexpr double hostile_factor = 20.0;
constexpr double least_hostile_limit_s = 10.0;
// After so many hostile runs that hung the others are left out.
constexpr int most_hangs = 3;
constexpr std::size_t most_last_words = 400;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// A folder for what the processes write, gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "invar-doctor-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw Error(ErrorKind::io,
                  fmt::format("cannot make a folder in {}: {}", fs::temp_directory_path().string(),
                              std::strerror(errno)));
    }
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  TemporaryFolder(TemporaryFolder&&) = delete;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// What mpirun says of every job that did not end well.
bool is_of_mpirun(const std::string& line) {
  return line.starts_with("Primary job  terminated normally") ||
         line.starts_with("a non-zero exit code. Per user-direction");
}

/// The end of a text file, on one line; with "; it said: " before it where there is any.
std::string last_words(const fs::path& path) {
  std::ifstream file(path);
  std::string words;
  std::string line;
  while (std::getline(file, line)) {
    const bool is_rule = line.find_first_not_of("-= \t") == std::string::npos;
    if (!is_rule && !is_of_mpirun(line)) {
      words += (words.empty() ? "" : " / ") + line;
    }
    if (words.size() > 2 * most_last_words) {
      words.erase(0, words.size() - most_last_words);
    }
  }
  if (words.size() > most_last_words) {
    words = "..." + words.substr(words.size() - most_last_words);
  }
  return words.empty() ? "" : "; it said: " + words;
}

/// One process that makes checks, from its start until it ends or is ended.
struct Session {
  bool was_ready = false;
  bool is_done = false;
  bool has_hung = false;
  std::string current;  // the check under way
  std::string message;  // how it ended, when it is not done
};

class Examination {
 public:
  Examination(const Patient& patient, const ExaminationOptions& options)
      : patient_(patient), options_(options) {
    has_limit_ = options.run_limit_s || patient.timeout_s;
    run_limit_s_ = options.run_limit_s.value_or(patient.timeout_s.value_or(default_run_limit_s));
    if (patient.keeps_timeout && !options.run_limit_s) {
      run_limit_s_ += 2.0 + 0.1 * run_limit_s_;  // the model ends its runs by itself before
    }
  }

  Report run() {
    const Clock::time_point begin = Clock::now();
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const std::vector<int> sizes = group_sizes(options_.num_ranks, patient_.ranks_per_model);
    announce(sizes);

    Report report{.study = patient_.study,
                  .model_type = patient_.model_type,
                  .parameter_names = patient_.space.names,
                  .num_observations = static_cast<long>(patient_.noise_std.size()),
                  .num_draws = patient_.num_draws,
                  .num_cores = options_.num_cores,
                  .ranks_per_model = patient_.ranks_per_model,
                  .run_limit_s = run_limit_s_};
    for (const int size : sizes) {
      report.groups.push_back(examine_group(size, size == patient_.ranks_per_model));
      if (report.groups.back().is_reference && !has_usual_runs(report.groups.back())) {
        break;  // other groups would not do better
      }
    }
    compare_groups(report);
    report.timings = timings_of(report.groups, options_.num_ranks, options_.num_cores);
    report.recommendation = recommend(report.timings, options_.num_ranks, patient_.ranks_per_model);
    report.findings = judge(report, patient_);
    report.verdict = verdict_of(report.findings);
    report.seconds = seconds_since(begin);
    return report;
  }

 private:
  void announce(const std::vector<int>& sizes) const {
    long num_runs = 0;
    for (const int size : sizes) {
      for (const std::string& check : checks_of_group(patient_, size == patient_.ranks_per_model)) {
        num_runs += most_runs(patient_, check);
      }
    }
    options_.say(
        fmt::format("about {} runs of the model: the prior mean and {} draws on groups of {} "
                    "ranks, {} runs for "
                    "leaks (--calls), and hostile parameters",
                    num_runs, patient_.num_draws, fmt::join(sizes, ", "), patient_.num_calls));
    options_.say(fmt::format("a run may take {:g} s ({})", run_limit_s_,
                             options_.run_limit_s ? "--time-limit"
                             : patient_.timeout_s ? "evaluation.timeout_s"
                                                  : "there is no evaluation.timeout_s; "
                                                    "--time-limit changes it"));
  }

  static bool has_usual_runs(const GroupReport& group) {
    return group.repetition && !group.repetition->outcomes.empty();
  }

  GroupReport examine_group(int num_ranks, bool is_reference) {
    GroupReport group{.num_ranks = num_ranks, .is_reference = is_reference, .problem = {}};
    std::vector<std::string> left = checks_of_group(patient_, is_reference);
    int num_hangs = 0;
    while (!left.empty()) {
      const Session session = run_session(num_ranks, left, group);
      if (session.is_done) {
        break;
      }
      if (!session.was_ready || session.current.empty()) {
        group.problem = session.message;
        break;
      }
      note_mishap(session, group);
      if (session.current.starts_with("repetition")) {
        break;  // what dies at usual points would die in every check
      }
      left.erase(left.begin(), std::find(left.begin(), left.end(), session.current) + 1);
      num_hangs += session.has_hung && hostile_number(session.current) >= 0 ? 1 : 0;
      if (num_hangs >= most_hangs) {
        group.num_hostile_left_out = static_cast<long>(left.size());
        break;
      }
    }
    return group;
  }

  void note_mishap(const Session& session, GroupReport& group) const {
    const long hostile = hostile_number(session.current);
    if (hostile < 0) {
      group.mishaps.push_back(
          {.check = session.current, .has_hung = session.has_hung, .message = session.message});
      return;
    }
    const HostilePoint point = hostile_points(patient_.space).at(static_cast<std::size_t>(hostile));
    HostileRun run{.name = point.name,
                   .is_finite = point.parameters.allFinite(),
                   .has_died = !session.has_hung,
                   .has_hung = session.has_hung,
                   .outcome = {},
                   .afterwards = {}};
    run.outcome.status = session.has_hung ? Status::timeout : Status::crashed;
    run.outcome.message = session.message;
    group.hostile.push_back(run);
  }

  Session run_session(int num_ranks, const std::vector<std::string>& checks, GroupReport& group) {
    const TemporaryFolder folder;
    std::vector<std::string> command;
    if (num_ranks > 1) {
      command = options_.launcher;
      command.insert(command.end(), {"-n", std::to_string(num_ranks)});
    }
    command.insert(command.end(), options_.examiner.begin(), options_.examiner.end());
    command.push_back((folder.path() / "transcript").string());
    command.push_back(fmt::format("{}", fmt::join(checks, ",")));
    TranscriptReader transcript(folder.path() / "transcript");
    ChildProgram child({.command = command,
                        .out = folder.path() / "out",
                        .err = folder.path() / "err",
                        .forgets_launcher = options_.forgets_launcher,
                        .is_launcher = num_ranks > 1});
    Session session;
    watch(child, transcript, num_ranks, session, group);
    if (!session.is_done) {
      session.message += last_words(folder.path() / "err");
    }
    return session;
  }

  /// Follows the process until it is done, has ended, or a run takes too long.
  void watch(ChildProgram& child, TranscriptReader& transcript, int num_ranks, Session& session,
             GroupReport& group) {
    Clock::time_point since = Clock::now();
    double limit_s = std::max(run_limit_s_, least_build_limit_s);
    auto nap = 1ms;
    constexpr auto longest_nap = 20ms;
    while (true) {
      const auto ending = child.poll();  // before the events: what it said last is there by now
      while (const auto event = transcript.next()) {
        take(*event, num_ranks, session, group, limit_s);
        if (!session.message.empty()) {
          return;
        }
        since = Clock::now();
        nap = 1ms;
      }
      if (session.is_done && ending && *ending != 0) {
        group.mishaps.push_back({.check = "end",
                                 .has_hung = false,
                                 .message = "the process " + ending_in_words(*ending)});
      }
      if (session.is_done && ending) {
        return;
      }
      if (ending) {
        session.message = num_ranks > 1 && WIFEXITED(*ending) &&
                                  WEXITSTATUS(*ending) == not_found_code && !session.was_ready
                              ? fmt::format("there is no `{}` that can be run (--launcher)",
                                            options_.launcher.front())
                              : "the process " + ending_in_words(*ending);
        return;
      }
      if (seconds_since(since) > limit_s) {
        session.has_hung = true;
        session.message = fmt::format("no answer within {:.3g} s", limit_s);
        return;
      }
      if (options_.is_given_up()) {
        throw Error(ErrorKind::stopped_early, "stopped before the examination was over");
      }
      std::this_thread::sleep_for(nap);
      nap = std::min<std::chrono::milliseconds>(2 * nap, longest_nap);
    }
  }

  void take(const json& event, int num_ranks, Session& session, GroupReport& group,
            double& limit_s) {
    const auto what = event.at("event").get<std::string>();
    if (what == "ready") {
      session.was_ready = true;
      if (const int found = event.at("ranks").get<int>(); found != num_ranks) {
        session.was_ready = false;
        session.message = fmt::format(
            "expected {} ranks, found {}: `{}` does not belong to the MPI library of this program "
            "(--launcher)",
            num_ranks, found, options_.launcher.front());
      }
    } else if (what == "begin") {
      session.current = event.at("check").get<std::string>();
      say_what_begins(num_ranks, session.current);
    } else if (what == "run") {
      limit_s = event.at("builds").get<bool>()         ? std::max(run_limit_s_, least_build_limit_s)
                : hostile_number(session.current) >= 0 ? hostile_limit_s(group)
                                                       : run_limit_s_;
    } else if (what == "end") {
      keep(session.current, event.at("result"), group);
    } else if (what == "failed") {
      group.problem = event.at("message").get<std::string>();
    } else if (what == "done") {
      session.is_done = true;
    }
  }

  void say_what_begins(int num_ranks, const std::string& check) {
    const bool is_hostile = hostile_number(check) >= 0;
    if (is_hostile && has_said_hostile_) {
      return;
    }
    has_said_hostile_ = has_said_hostile_ || is_hostile;
    options_.say(fmt::format("{} rank{}: {}", num_ranks, num_ranks == 1 ? "" : "s",
                             check.starts_with("repetition") ? "the same points again and again"
                             : is_hostile                    ? "hostile parameters"
                                                             : check));
  }

  [[nodiscard]] double hostile_limit_s(const GroupReport& group) const {
    if (has_limit_ || !has_usual_runs(group)) {
      return run_limit_s_;
    }
    double longest_s = 0.0;
    for (const Outcome& outcome : group.repetition->outcomes) {
      longest_s = std::max(longest_s, outcome.seconds);
    }
    return std::min(run_limit_s_, std::max(least_hostile_limit_s, hostile_factor * longest_s));
  }

  void keep(const std::string& check, const json& result, GroupReport& group) const {
    if (check.starts_with("repetition")) {
      group.repetition = result.get<Repetition>();
      if (!group.repetition->seconds.empty()) {
        const auto& seconds = group.repetition->seconds;
        const double mean_s = std::accumulate(seconds.begin(), seconds.end(), 0.0) /
                              static_cast<double>(seconds.size());
        long num_left = 0;
        for (const std::string& other : checks_of_group(patient_, group.is_reference)) {
          num_left += other == check ? 0 : most_runs(patient_, other);
        }
        options_.say(fmt::format("{} rank{}: a run takes {:.3g} s, the rest here about {:.3g} s",
                                 group.num_ranks, group.num_ranks == 1 ? "" : "s", mean_s,
                                 mean_s * static_cast<double>(num_left)));
      }
    } else if (check == "sensitivity") {
      group.sensitivity = result.get<Sensitivity>();
    } else if (check == "derivatives") {
      group.derivatives = result.get<std::vector<DerivativesAt>>();
    } else if (check == "leaks") {
      group.leaks = result.get<Leaks>();
    } else {
      group.hostile.push_back(result.get<HostileRun>());
    }
  }

  void compare_groups(Report& report) const {
    const GroupReport* const reference = report.reference();
    if (reference == nullptr || !has_usual_runs(*reference)) {
      return;
    }
    for (const GroupReport& group : report.groups) {
      if (!group.is_reference && has_usual_runs(group)) {
        report.between_sizes.push_back(
            {.num_ranks = group.num_ranks,
             .difference = compare(reference->repetition->outcomes, group.repetition->outcomes,
                                   patient_.noise_std)});
      }
    }
  }

  const Patient& patient_;
  const ExaminationOptions& options_;
  bool has_limit_ = false;
  bool has_said_hostile_ = false;
  double run_limit_s_ = default_run_limit_s;
};

}  // namespace

Report examine_in_processes(const Patient& patient, const ExaminationOptions& options) {
  return Examination(patient, options).run();
}

}  // namespace invar::doctor
