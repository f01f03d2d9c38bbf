#pragma once

#include <string>
#include <vector>

#include "dakota/parameter_file.hpp"
#include "invar/model/model.hpp"

namespace invar::dakota {

enum class ResultsFormat { standard, json };

/// What was asked for of an evaluation: all values, and perhaps all gradients.
struct Expected {
  Eigen::Index num_qois = 0;
  Eigen::Index num_derivatives = 0;  // of each gradient; 0: no gradients
};

/// What a results file in Dakota's standard format says: numbers, each with or without a label
/// behind it, then a gradient per QoI in brackets; or the word fail and whatever follows.
///
/// Shapes:  m QoIs; Jacobian m x num_derivatives where gradients are expected.
/// MPI:     Local.
/// Failure: model_failed with the text; bad_output where numbers are missing or too many, or
///          something is no number. Numbers that are not finite are not judged.
model::ModelResult parse_standard_results(const std::string& text, const Expected& expected);

/// The same for JSON: {"functions": {label: number, ...}, "gradients": {label: [number, ...]}} or
/// lists in the place of the two objects, and {"fail": true} (or "true").
///
/// Where the labels are those of the parameters file they say which number is which; other labels
/// are not looked at, and the order counts. A number may be written as text.
model::ModelResult parse_json_results(const std::string& text, const Expected& expected);

/// The parts of a batch's results: what lines that begin with # part (the first of them may be
/// missing), or the items of a list in JSON; the whole text where it is no list.
std::vector<std::string> split_batch(ResultsFormat format, const std::string& text);

/// The result that says so.
model::ModelResult bad_output(std::string message);

/// An evaluation that was asked for, and what came of it.
struct Answer {
  Request request;
  model::ModelResult result;  // Jacobian: m x derivative variables, in the order of the request
};

/// The text of a results file, with 17 digits: what the active sets ask for, or that it failed.
///
/// Labels are those of the requests (left out in the standard format where they could be taken for
/// something else); wanted metadata, of which nothing is known here, is nan.
///
/// Source: Dakota 6.19, reference manual, `results_format`; `batch`.
/// MPI:    Local.
/// @param is_batch  parts that a line `#` separates, or a list in JSON
std::string results_file(ResultsFormat format, const std::vector<Answer>& answers, bool is_batch);

}  // namespace invar::dakota
