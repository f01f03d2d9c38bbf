#pragma once

#include <optional>
#include <string>
#include <vector>

#include "doctor/results.hpp"

namespace invar::doctor {

/// A check that took its process along.
struct Mishap {
  std::string check = {};
  bool has_hung = false;
  std::string message = {};
};

/// What was found on one group size.
struct GroupReport {
  int num_ranks = 1;
  bool is_reference = false;  // everything was examined here
  std::string problem = {};   // why nothing, or not all, could be examined; or ""
  std::optional<Repetition> repetition = {};
  std::vector<Mishap> mishaps = {};
  // On the reference group alone.
  std::optional<Sensitivity> sensitivity = {};
  std::optional<std::vector<DerivativesAt>> derivatives = {};
  std::optional<Leaks> leaks = {};
  std::vector<HostileRun> hostile = {};
  long num_hostile_left_out = 0;  // after too many that hung
};

/// The QoIs of a group size beside those of the reference.
struct SizeDifference {
  int num_ranks = 1;
  Difference difference = {};
};

/// How long runs take on one group size.
struct Timing {
  int num_ranks = 1;
  long num_runs = 0;
  double median = 0.0;  // s
  double low = 0.0;     // quartiles
  double high = 0.0;
  double most = 0.0;
  double efficiency = 0.0;         // t_1 / (k t_k), of the smallest size k_1 in place of 1
  double runs_per_hour = 0.0;      // of the planned job
  bool is_oversubscribed = false;  // more ranks than cores here: the time says little
};

/// What makes the most of the ranks of a job.
struct Recommendation {
  int num_ranks = 0;        // of the planned job
  int ranks_per_model = 0;  // 0: not known
  double gain = 1.0;        // in runs per hour over the study's own, where that was measured
  bool is_clear = false;    // it is more than what half of the runs spread
};

enum class Severity { note, remark, serious };

/// Something worth saying.
struct Finding {
  Severity severity = Severity::note;
  std::string text = {};
};

enum class Verdict { fit, fit_with_remarks, not_fit };

/// All that is known in the end.
struct Report {
  std::string study = {};
  std::string model_type = {};
  std::vector<std::string> parameter_names = {};
  long num_observations = 0;
  long num_draws = 0;
  int num_cores = 1;
  int ranks_per_model = 1;  // of the study
  double run_limit_s = 0.0;
  std::vector<GroupReport> groups = {};
  std::vector<SizeDifference> between_sizes = {};
  std::vector<Timing> timings = {};
  Recommendation recommendation = {};
  std::vector<Finding> findings = {};
  Verdict verdict = Verdict::fit;
  double seconds = 0.0;

  /// The group that everything was examined on, or null.
  [[nodiscard]] const GroupReport* reference() const;
};

/// "fit", "fit, with remarks", "not fit".
const char* verdict_in_words(Verdict verdict);

/// The report in words, sections and tables.
/// MPI: Local.
std::string report_text(const Report& report);

/// The same for programs, with all figures; the QoIs themselves are left out.
/// MPI: Local.
std::string report_json(const Report& report);

}  // namespace invar::doctor
