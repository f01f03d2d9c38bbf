#pragma once

#include <string>
#include <vector>

#include "invar/model_process/process_model.hpp"

namespace invar::model_process {

/// The labels of QoIs in the files: "qoi_1", ...
std::string qoi_label(Eigen::Index index);

/// A run as its parameters file says it.
struct Inputs {
  std::vector<std::string> names;
  Eigen::VectorXd parameters;
  Eigen::Index num_qois = 0;
  std::string evaluation_id;
};

/// The text of the parameters file, with 17 digits: Dakota's own 16 do not give a double back.
///
/// Source: Dakota 6.19, reference manual, `parameters_format`; `dprepro` for the second format.
/// Shapes: d names and parameters, finite.
/// MPI:    Local.
std::string parameter_file(ParametersFormat format, const Inputs& inputs);

}  // namespace invar::model_process
