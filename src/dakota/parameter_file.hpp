#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/dakota/format.hpp"

namespace invar::dakota {

/// What an entry of the active set asks for, as bits.
inline constexpr int wants_value = 1;
inline constexpr int wants_gradient = 2;
inline constexpr int wants_hessian = 4;

/// An evaluation as a parameters file asks for it.
///
/// Shapes: d variables, m responses.
struct Request {
  std::vector<std::string> variables;              // d labels
  Eigen::VectorXd values;                          // d
  std::vector<std::string> responses;              // m labels; "" where the file has none
  std::vector<int> active_set;                     // m
  std::vector<Eigen::Index> derivative_variables;  // of the gradients, from 0
  std::string evaluation_id = {};                  // "7", "2:7"
  std::vector<std::string> metadata = {};          // names of further numbers that are wanted
};

/// A parameters file with one evaluation, or with a batch of them.
struct ParameterFile {
  ParametersFormat format = ParametersFormat::standard;
  bool is_batch = false;  // one block behind the other, or a list in JSON
  std::vector<Request> requests;
};

/// The labels of responses that have no others: "qoi_1", ...
std::string qoi_label(Eigen::Index index);

/// The text of a parameters file, with 17 digits: Dakota's own 16 do not give a double back.
///
/// Source: Dakota 6.19, reference manual, `parameters_format`; `dprepro` for the second format.
/// Shapes: values finite.
/// MPI:    Local.
std::string parameter_file(ParametersFormat format, const Request& request);

/// The same for a batch: one behind the other, or a list in JSON.
std::string batch_file(ParametersFormat format, const std::vector<Request>& requests);

/// Reads a parameters file in whichever format it is, also the older ones, whose responses have no
/// labels and which end without `eval_id` or `metadata`. What counts are the counts.
///
/// MPI: Local.
/// @throws Error(data)  with the line, where something is missing, left over, or no number
ParameterFile parse_parameter_file(const std::string& text);

}  // namespace invar::dakota
