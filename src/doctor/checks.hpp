#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "doctor/patient.hpp"
#include "doctor/subject.hpp"

namespace invar::doctor {

/// The names of the checks of a group, in their order; each stands alone, so that the others can be
/// made by another process after one that took its process along.
///
/// "repetition" (on the reference group with a new instance, elsewhere "repetition-short"),
/// "sensitivity", "derivatives", "leaks", "hostile-0", "hostile-1", ...
///
/// @param is_reference  whether this is the group size that everything is examined on
/// MPI: Local.
std::vector<std::string> checks_of_group(const Patient& patient, bool is_reference);

/// The number N of "hostile-N"; -1 for other checks.
long hostile_number(const std::string& check);

/// The most runs that a check takes.
/// MPI: Local.
long most_runs(const Patient& patient, const std::string& check);

/// Makes the checks on rank 0 and follows them on the others. Events go to the transcript: "ready"
/// (with `ranks`), and of each check "begin", "run" before each run (with `builds` where it is the
/// model that is made), then "end" with its `result`, or "failed" with a `message`; "done".
///
/// MPI: Collective on the subject's group.
/// @param team  the ranks of the group
void examine(Subject& subject, const Patient& patient, const std::vector<std::string>& checks,
             const parallel::Comm& team, const std::filesystem::path& transcript);

}  // namespace invar::doctor
