#pragma once

#include <string>
#include <vector>

#include "dakota/parameter_file.hpp"
#include "invar/model/model.hpp"

// A model behind Dakota's fork interface: between what a parameters file asks for and what a model
// understands.
namespace invar::dakota {

/// What a model is, for those who ask it something.
struct ModelFacts {
  std::vector<std::string> parameter_names;
  Eigen::Index num_qois = 0;
  model::Capabilities capabilities = {};
};

/// A request in the model's own terms.
struct Question {
  model::ModelRequest request;
  std::vector<Eigen::Index> columns;  // of the Jacobian: the parameters to derive by, in order
  std::vector<Eigen::Index> rows;     // the QoIs whose gradients are wanted, in order
};

/// Puts a request to a model: variables are its parameters by their labels where these are the
/// names, else by their order; responses are the QoIs in order. Gradients are asked for as the
/// Jacobian where the model gives it, else as products with unit vectors.
///
/// MPI: Local.
/// @throws Error(data)  when variables or responses do not fit, or a derivative is wanted that the
///                      model does not give
Question question(const Request& request, const ModelFacts& facts);

/// What a model made of a question, with the gradients as the request wants them: a column per
/// derivative variable; zeros where none were wanted.
///
/// MPI:     Local.
/// Failure: a result of wrong sizes is bad_output; one with numbers that are not finite non_finite.
model::ModelResult answer(const Question& question, const ModelFacts& facts,
                          model::ModelResult result);

}  // namespace invar::dakota
