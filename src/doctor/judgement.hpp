#pragma once

#include <vector>

#include "doctor/patient.hpp"
#include "doctor/report.hpp"

namespace invar::doctor {

/// What the figures mean for a campaign, the gravest first.
///
/// Serious: answers that differ by more than a thousandth of the noise's standard deviation for the
/// same parameters, derivatives that are off by more than a thousandth, what grows with every run
/// without end, hostile parameters that end or hang an unprotected rank, more failed runs than a
/// campaign bears. What is smaller, or concerns the study more than the model, is a remark.
///
/// MPI: Local.
std::vector<Finding> judge(const Report& report, const Patient& patient);

/// MPI: Local.
Verdict verdict_of(const std::vector<Finding>& findings);

// The limits, for the report.
inline constexpr double serious_in_noise = 1e-3;
inline constexpr double rounding_between_sizes = 1e-10;
inline constexpr double derivative_is_right = 1e-4;
inline constexpr double derivative_is_wrong = 1e-3;
inline constexpr double products_agree = 1e-8;
inline constexpr double products_differ = 1e-4;
inline constexpr double leak_worth_a_remark_mb = 0.005;  // per run
inline constexpr double least_growth_mb = 0.25;          // in each half: allocators are restless
inline constexpr double leak_is_serious_mb = 0.1;

/// The smallest of the errors that a model was found with, over steps; NaN where it gives nothing.
double best_error(const DerivativesAt& at, double DerivativeErrors::*which);

/// What each run leaves behind: the smaller of the growths in the first and the second half, per
/// run. What settles does not grow twice.
double growth_per_run(const Leaks& leaks, double Holdings::*what);

}  // namespace invar::doctor
