#include "dakota/driver.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "dakota/foreign_text.hpp"
#include "invar/core/error.hpp"

namespace invar::dakota {
namespace {

using Eigen::Index;
using Indices = std::vector<Index>;

constexpr std::size_t longest_id = 18;

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::data, message);
}

/// The parameter that each variable is.
Indices parameters_of(const std::vector<std::string>& variables,
                      const std::vector<std::string>& names) {
  if (variables.size() != names.size()) {
    refuse(fmt::format("expected {} variables, one per parameter of the study, found {}",
                       names.size(), variables.size()));
  }
  Indices parameters;
  std::string stranger;
  bool has_known = false;
  for (const std::string& variable : variables) {
    const auto found = std::find(names.begin(), names.end(), variable);
    const bool is_known = found != names.end();
    has_known = has_known || is_known;
    stranger = is_known || !stranger.empty() ? stranger : variable;
    parameters.push_back(is_known ? found - names.begin() : -1);
  }
  if (stranger.empty()) {
    return parameters;  // no two labels are the same
  }
  if (has_known) {
    refuse(
        fmt::format("the variable {} is no parameter of the study, others are: name all of them "
                    "as the study does, or none",
                    quoted(stranger)));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    parameters[i] = static_cast<Index>(i);
  }
  return parameters;
}

/// Columns of the unit matrix.
Eigen::MatrixXd unit_vectors(Index dimension, const Indices& indices) {
  Eigen::MatrixXd vectors = Eigen::MatrixXd::Zero(dimension, static_cast<Index>(indices.size()));
  for (std::size_t i = 0; i < indices.size(); ++i) {
    vectors(indices[i], static_cast<Index>(i)) = 1;
  }
  return vectors;
}

/// Asks for gradients in the way that costs the model least.
void ask_for_gradients(Question& question, const ModelFacts& facts) {
  const model::Capabilities& can = facts.capabilities;
  const auto d = static_cast<Index>(facts.parameter_names.size());
  if (can.jacobian) {
    question.request.wants_jacobian = true;
  } else if (can.jacobian_vector &&
             (!can.vector_jacobian || question.columns.size() <= question.rows.size())) {
    question.request.directions = unit_vectors(d, question.columns);
  } else if (can.vector_jacobian) {
    question.request.weights = unit_vectors(facts.num_qois, question.rows);
  } else {
    refuse(
        "gradients are asked for, which this model does not give (in Dakota: no_gradients or "
        "numerical_gradients)");
  }
}

/// Of the Jacobian: the wanted rows and columns in their places, the rest zero; empty where the
/// model's answer has other sizes.
Eigen::MatrixXd wanted_part(const Question& question, const ModelFacts& facts,
                            const model::ModelResult& result) {
  const auto d = static_cast<Index>(facts.parameter_names.size());
  const Index m = facts.num_qois;
  const auto num_columns = static_cast<Index>(question.columns.size());
  const auto num_rows = static_cast<Index>(question.rows.size());
  const model::ModelRequest& asked = question.request;
  const auto has_sizes = [](const Eigen::MatrixXd& matrix, Index rows, Index columns) {
    return matrix.rows() == rows && matrix.cols() == columns;
  };
  const bool is_sound = asked.wants_jacobian ? has_sizes(result.jacobian, m, d)
                        : asked.directions.size() > 0
                            ? has_sizes(result.jacobian_vectors, m, num_columns)
                            : has_sizes(result.vector_jacobians, d, num_rows);
  if (!is_sound) {
    return {};
  }
  Eigen::MatrixXd part = Eigen::MatrixXd::Zero(m, num_columns);
  for (Index i = 0; i < num_rows; ++i) {
    const Index row = question.rows[static_cast<std::size_t>(i)];
    for (Index j = 0; j < num_columns; ++j) {
      const Index column = question.columns[static_cast<std::size_t>(j)];
      part(row, j) = asked.wants_jacobian          ? result.jacobian(row, column)
                     : asked.directions.size() > 0 ? result.jacobian_vectors(row, j)
                                                   : result.vector_jacobians(column, i);
    }
  }
  return part;
}

model::ModelResult failure(Status status, std::string message) {
  return {.status = status, .message = std::move(message)};
}

}  // namespace

Question question(const Request& request, const ModelFacts& facts) {
  if (static_cast<Index>(request.responses.size()) != facts.num_qois) {
    refuse(fmt::format("expected {} responses, one per observation of the study, found {}",
                       facts.num_qois, request.responses.size()));
  }
  const Indices parameters = parameters_of(request.variables, facts.parameter_names);
  Eigen::VectorXd values(request.values.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    values[parameters[i]] = request.values[static_cast<Index>(i)];
  }
  const std::string& id = request.evaluation_id;
  const bool is_number = !id.empty() && id.size() <= longest_id &&
                         id.find_first_not_of("0123456789") == std::string::npos;
  Question question{
      .request = {values, is_number ? std::stoll(id) : -1}, .columns = {}, .rows = {}};
  for (std::size_t i = 0; i < request.active_set.size(); ++i) {
    if ((request.active_set[i] & wants_hessian) != 0) {
      refuse(
          fmt::format("a Hessian is asked for (response {}), which no model gives (in Dakota: "
                      "no_hessians, quasi_hessians or numerical_hessians)",
                      i + 1));
    }
    if ((request.active_set[i] & wants_gradient) != 0) {
      question.rows.push_back(static_cast<Index>(i));
    }
  }
  for (const Index variable : request.derivative_variables) {
    question.columns.push_back(parameters[static_cast<std::size_t>(variable)]);
  }
  if (!question.rows.empty() && !question.columns.empty()) {
    ask_for_gradients(question, facts);
  }
  return question;
}

model::ModelResult answer(const Question& question, const ModelFacts& facts,
                          model::ModelResult result) {
  if (!result.is_ok()) {
    return result;
  }
  if (result.qois.size() != facts.num_qois) {
    return failure(Status::bad_output,
                   fmt::format("expected {} QoIs, found {}", facts.num_qois, result.qois.size()));
  }
  for (Index i = 0; i < result.qois.size(); ++i) {
    if (!std::isfinite(result.qois[i])) {
      return failure(Status::non_finite,
                     fmt::format("QoI {} is {} (counted from 0)", i, result.qois[i]));
    }
  }
  model::ModelResult wanted;
  wanted.qois = std::move(result.qois);
  wanted.jacobian =
      Eigen::MatrixXd::Zero(facts.num_qois, static_cast<Index>(question.columns.size()));
  if (!question.rows.empty() && !question.columns.empty()) {
    wanted.jacobian = wanted_part(question, facts, result);
    if (wanted.jacobian.size() == 0) {
      return failure(Status::bad_output, "the model's derivatives have wrong sizes");
    }
    if (!wanted.jacobian.allFinite()) {
      return failure(Status::non_finite, "a derivative is not finite");
    }
  }
  return wanted;
}

}  // namespace invar::dakota
