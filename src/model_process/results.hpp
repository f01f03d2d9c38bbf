#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "invar/model/model.hpp"

namespace invar::model_process {

/// A whole word as a number: with a Fortran exponent (1.0D+00) or an upper sign, also nan, inf and
/// infinity in any case.
///
/// MPI: Local.
std::optional<double> parse_number(std::string_view word);

/// What a results file in Dakota's standard format says: numbers, each with or without a label
/// behind it, or the word fail and whatever follows.
///
/// Shapes:  num_qois QoIs.
/// MPI:     Local.
/// Failure: model_failed with the text; bad_output where numbers are missing or too many, or
///          something is no number. Numbers that are not finite are not judged.
model::ModelResult parse_standard_results(const std::string& text, Eigen::Index num_qois);

/// The same for JSON: {"functions": {label: number, ...}} or {"functions": [number, ...]}, and
/// {"fail": true} (or "true").
///
/// Where the labels are those of the parameters file they say which number is which; other labels
/// are not looked at, and the order counts. A number may be written as text.
model::ModelResult parse_json_results(const std::string& text, Eigen::Index num_qois);

/// The result that says so.
model::ModelResult bad_output(std::string message);

}  // namespace invar::model_process
