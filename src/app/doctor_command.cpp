#include "app/doctor_command.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <sched.h>

#include "app/study_bundle.hpp"
#include "doctor/checks.hpp"
#include "doctor/examination.hpp"
#include "invar/evaluation/time_limit.hpp"
#include "invar/parallel/launch.hpp"
#include "invar/petsc/session.hpp"

namespace invar::app {
namespace {

volatile std::sig_atomic_t has_been_told_to_stop = 0;

extern "C" void note_stop(int /*signal*/) {
  has_been_told_to_stop = 1;
}

doctor::Patient patient_of(const LoadedStudy& loaded, const Arguments& arguments) {
  const campaign::Study& study = loaded.study;
  return {
      .study = loaded.path.string(),
      .model_type = study.model_type,
      .space = study.space,
      .noise_std = study.observations.noise.variances().cwiseSqrt(),
      .seed = study.random_seed(),
      .ranks_per_model = study.evaluation.ranks_per_model,
      .is_isolated = study.isolation == campaign::Isolation::process || study.model_keeps_timeout,
      .failure_budget = study.evaluation.failure_budget,
      .timeout_s = study.evaluation.timeout_s,
      .keeps_timeout = study.model_keeps_timeout,
      .num_draws = arguments.points,
      .num_calls = arguments.calls};
}

/// How many cores this process may use. A launcher may have bound it to one: that is undone, for
/// the processes that it starts.
int num_cores(bool is_launched) {
  cpu_set_t cores;
  if (is_launched) {
    CPU_ZERO(&cores);
    for (std::size_t core = 0; core < CPU_SETSIZE; ++core) {
      CPU_SET(core, &cores);
    }
    ::sched_setaffinity(0, sizeof cores, &cores);  // the kernel keeps what is allowed
  }
  CPU_ZERO(&cores);
  return ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? std::max(1, CPU_COUNT(&cores)) : 1;
}

/// This program with what another process of it needs to know.
std::vector<std::string> examiner_command(const Arguments& arguments) {
  std::vector<std::string> command = {std::filesystem::read_symlink("/proc/self/exe").string(),
                                      "doctor", "--points=" + std::to_string(arguments.points),
                                      "--calls=" + std::to_string(arguments.calls)};
  for (const std::string& assignment : overrides_of(arguments)) {
    command.insert(command.end(), {"--set", assignment});
  }
  command.insert(command.end(), {arguments.study, "--examine"});
  return command;
}

}  // namespace

int doctor_command(const Arguments& arguments, const model::ModelRegistry& registry) {
  const parallel::Launch launch = parallel::launch_from_environment();
  if (parallel::rank_from_environment() != 0) {
    return 0;
  }
  std::signal(SIGINT, note_stop);
  std::signal(SIGTERM, note_stop);
  const LoadedStudy loaded = load_study(arguments.study, overrides_of(arguments), registry);
  const bool is_launched = !launch.launcher.empty();
  const bool is_scheduled = launch.launcher == "Slurm srun";  // a core for each of its tasks

  doctor::ExaminationOptions options;
  options.examiner = examiner_command(arguments);
  options.launcher = words_of(arguments.launcher);
  if (options.launcher.empty()) {
    throw Error(ErrorKind::usage, "--launcher: expected a program, found nothing");
  }
  options.num_cores = std::max(num_cores(is_launched), is_scheduled ? launch.num_ranks : 1);
  options.num_ranks = launch.num_ranks > 1 ? launch.num_ranks : options.num_cores + 1;
  options.num_ranks = arguments.ranks.value_or(options.num_ranks);
  if (arguments.time_limit) {
    options.run_limit_s = evaluation::parse_duration(*arguments.time_limit);
  }
  options.forgets_launcher = is_launched;
  options.say = [](const std::string& text) { std::fprintf(stderr, "invar: %s\n", text.c_str()); };
  options.is_given_up = [] { return has_been_told_to_stop != 0; };

  const doctor::Report report =
      doctor::examine_in_processes(patient_of(loaded, arguments), options);
  std::fputs((arguments.is_json ? report_json(report) : report_text(report)).c_str(), stdout);
  return report.verdict == doctor::Verdict::not_fit ? static_cast<int>(ErrorKind::data) : 0;
}

int examine_command(const parallel::Session& session, const Arguments& arguments,
                    const model::ModelRegistry& registry) {
  const LoadedStudy loaded =
      load_study_on_all(session.world(), arguments.study, overrides_of(arguments), registry);
  const campaign::Study& study = loaded.study;
  const parallel::Comm group = parallel::Comm::duplicate(session.world().get());
  petsc::PetscSession petsc(group.get(), words_of(study.petsc));
  const doctor::Patient patient = patient_of(loaded, arguments);
  doctor::Subject subject(
      {.make = study.make_model,
       .group = group.get(),
       .team = &session.world(),
       .timeout_s = study.model_keeps_timeout ? patient.timeout_s : std::optional<double>()});
  std::vector<std::string> checks;
  std::istringstream list(arguments.examine.at(1));
  for (std::string check; std::getline(list, check, ',');) {
    checks.push_back(check);
  }
  doctor::examine(subject, patient, checks, session.world(), arguments.examine.at(0));
  petsc.close();
  return 0;
}

}  // namespace invar::app
