#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "doctor/patient.hpp"
#include "doctor/report.hpp"

namespace invar::doctor {

/// How an examination is made.
struct ExaminationOptions {
  /// The command that makes checks on one rank: this program, up to the names of the transcript and
  /// of the checks (comma-separated), which are added to it.
  std::vector<std::string> examiner;
  std::vector<std::string> launcher;  // starts it on several ranks, with `-n k` added
  int num_ranks = 1;                  // of the planned job
  int num_cores = 1;
  std::optional<double> run_limit_s;  // of one run; else the study's timeout, else ten minutes
  bool forgets_launcher = false;      // this process was itself launched
  /// Told what is going on.
  std::function<void(const std::string&)> say = [](const std::string&) {};
  /// Looked at several times a second: true ends the examination.
  std::function<bool()> is_given_up = [] { return false; };
};

/// The time that a run may take where nobody says.
inline constexpr double default_run_limit_s = 600.0;

/// Examines a model in processes of their own, one group size after the other: what the model does
/// to its process is a finding, and the other checks go on in a new one.
///
/// Nothing of it is left behind; this process becomes the parent of what a child leaves.
///
/// MPI:     Local; before MPI is initialised, in a process with one thread.
/// Cost:    says how many runs, before it starts.
///
/// @throws Error(io)             when there is no place for temporary files
/// @throws Error(stopped_early)  when it was given up
Report examine_in_processes(const Patient& patient, const ExaminationOptions& options);

}  // namespace invar::doctor
