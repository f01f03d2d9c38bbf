#include "evaluation/run_model.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "invar/parallel/agree.hpp"

namespace invar::evaluation {
namespace {

using model::ModelRequest;
using model::ModelResult;

ModelResult failure(Status status, std::string message) {
  return {.status = status, .message = std::move(message)};
}

/// "QoI 3 is nan (2 of 32 are not finite)", counting from 0.
std::string non_finite_message(const Eigen::VectorXd& qois) {
  const Eigen::Index num_bad = qois.size() - qois.array().isFinite().count();
  Eigen::Index first = 0;
  while (std::isfinite(qois[first])) {
    ++first;
  }
  return fmt::format("QoI {} is {} ({} of {} not finite; counted from 0)", first, qois[first],
                     num_bad, qois.size());
}

/// What is wrong with derivatives that should have this shape; "" when nothing is.
std::string shape_problem(const char* name, const Eigen::MatrixXd& found, Eigen::Index rows,
                          Eigen::Index columns) {
  const bool is_right =
      columns == 0 ? found.size() == 0 : found.rows() == rows && found.cols() == columns;
  return is_right ? ""
                  : fmt::format("{}: expected {} x {} numbers, found {} x {}", name, rows, columns,
                                found.rows(), found.cols());
}

/// A result that says it is ok, if it is.
ModelResult judge_derivatives(const ModelRequest& request, ModelResult result) {
  const Eigen::Index d = request.parameters.size();
  const Eigen::Index m = result.qois.size();
  std::string problem = shape_problem("Jacobian", result.jacobian, request.wants_jacobian ? m : 0,
                                      request.wants_jacobian ? d : 0);
  if (problem.empty()) {
    problem = shape_problem("Jacobian-vector products", result.jacobian_vectors, m,
                            request.directions.cols());
  }
  if (problem.empty()) {
    problem = shape_problem("vector-Jacobian products", result.vector_jacobians, d,
                            request.weights.cols());
  }
  if (!problem.empty()) {
    return failure(Status::bad_output, std::move(problem));
  }
  // What is empty has one shape, whatever the model made of it.
  for (Eigen::MatrixXd* part :
       {&result.jacobian, &result.jacobian_vectors, &result.vector_jacobians}) {
    if (part->size() == 0) {
      part->resize(0, 0);
    }
  }
  for (const Eigen::MatrixXd* part :
       {&result.jacobian, &result.jacobian_vectors, &result.vector_jacobians}) {
    if (!part->allFinite()) {
      ModelResult bad =
          failure(Status::non_finite,
                  fmt::format("{} of {} derivatives not finite",
                              part->size() - part->array().isFinite().count(), part->size()));
      bad.qois = std::move(result.qois);
      return bad;
    }
  }
  return result;
}

ModelResult judge(const ModelRequest& request, ModelResult result, Eigen::Index num_qois) {
  if (!result.is_ok()) {
    return failure(result.status,
                   result.message.empty() ? "the model gave no reason" : std::move(result.message));
  }
  if (result.qois.size() != num_qois) {
    return failure(Status::bad_output,
                   fmt::format("expected {} QoIs, found {}", num_qois, result.qois.size()));
  }
  if (!result.qois.allFinite()) {
    ModelResult bad = failure(Status::non_finite, non_finite_message(result.qois));
    bad.qois = std::move(result.qois);
    return bad;
  }
  return judge_derivatives(request, std::move(result));
}

std::vector<ModelResult> evaluate(model::Model& model, const std::vector<ModelRequest>& requests) {
  if (requests.size() > 1) {
    return model.evaluate_several(requests);
  }
  std::vector<ModelResult> results;
  results.push_back(model.evaluate(requests.front()));
  return results;
}

/// Runs the model; a team leaves it together even when one rank alone threw.
std::vector<ModelResult> evaluate(model::Model& model, const std::vector<ModelRequest>& requests,
                                  const parallel::Comm& team) {
  if (team.size() == 1) {
    return evaluate(model, requests);
  }
  return parallel::agree(team, [&] { return evaluate(model, requests); });
}

}  // namespace

ModelRequest request_for(const method::Batch& batch, Eigen::Index sample) {
  ModelRequest request(batch.points.col(sample), batch.first_id + sample);
  const method::WantedDerivatives& wanted = batch.wanted_of(sample);
  request.wants_jacobian = wanted.jacobian;
  request.directions = wanted.directions;
  request.weights = wanted.weights;
  return request;
}

ModelRun run_model(model::Model& model, const std::vector<ModelRequest>& requests,
                   const parallel::Comm& team) {
  const auto begin = std::chrono::steady_clock::now();
  ModelRun run;
  try {
    run.results = evaluate(model, requests, team);
    if (run.results.size() != requests.size()) {
      run.results.assign(
          requests.size(),
          failure(Status::bad_output, fmt::format("expected results of {} runs, found {}",
                                                  requests.size(), run.results.size())));
    }
    // The QoIs are on rank 0 only; what the others make of them does not matter.
    for (std::size_t i = 0; i < requests.size(); ++i) {
      run.results[i] = judge(requests[i], std::move(run.results[i]), model.num_qois());
    }
  } catch (...) {
    run.results.assign(requests.size(), model::crash_of(std::current_exception()));
  }
  run.wall_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return run;
}

int num_retries(const ModelRun& run, std::size_t request, int retries) {
  const Status status = run.results[request].status;
  if (status == Status::ok) {
    return 0;
  }
  const bool may_be_of_others = run.results.size() > 1 && status != Status::model_failed &&
                                status != Status::non_finite && status != Status::cancelled;
  return may_be_of_others ? std::max(retries, 1) : retries;
}

method::Evaluation to_evaluation(ModelResult result, double wall_seconds) {
  method::Evaluation evaluation;
  evaluation.status = result.status;
  evaluation.qois = std::move(result.qois);
  evaluation.derivatives = {.jacobian = std::move(result.jacobian),
                            .jacobian_vectors = std::move(result.jacobian_vectors),
                            .vector_jacobians = std::move(result.vector_jacobians)};
  evaluation.message = std::move(result.message);
  evaluation.wall_seconds = wall_seconds;
  return evaluation;
}

}  // namespace invar::evaluation
