#include "evaluation/run_model.hpp"

#include <chrono>
#include <cmath>
#include <exception>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "invar/parallel/agree.hpp"

namespace invar::evaluation {
namespace {

using method::Evaluation;
using method::Status;

Evaluation failure(Status status, std::string message) {
  Evaluation evaluation;
  evaluation.status = status;
  evaluation.message = std::move(message);
  return evaluation;
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

Evaluation judge(model::ModelResult&& result, Eigen::Index num_qois) {
  if (!result.is_ok()) {
    return failure(result.status,
                   result.message.empty() ? "the model gave no reason" : std::move(result.message));
  }
  if (result.qois.size() != num_qois) {
    return failure(Status::bad_output,
                   fmt::format("expected {} QoIs, found {}", num_qois, result.qois.size()));
  }
  Evaluation evaluation;
  if (!result.qois.allFinite()) {
    evaluation = failure(Status::non_finite, non_finite_message(result.qois));
  }
  evaluation.qois = std::move(result.qois);
  return evaluation;
}

/// Runs the model; a team leaves it together even when one rank alone threw.
model::ModelResult evaluate(model::Model& model, const model::ModelRequest& request,
                            const parallel::Comm& team, bool is_alone) {
  if (is_alone) {
    return model.evaluate(request);
  }
  return parallel::agree(team, [&] { return model.evaluate(request); });
}

}  // namespace

Evaluation run_model(model::Model& model, const model::ModelRequest& request,
                     const parallel::Comm& team) {
  const auto begin = std::chrono::steady_clock::now();
  Evaluation evaluation;
  try {
    auto result = evaluate(model, request, team, team.size() == 1);
    // The QoIs are on rank 0 only; what the others make of them does not matter.
    evaluation = judge(std::move(result), model.num_qois());
  } catch (const std::exception& error) {
    evaluation = failure(Status::crashed, error.what());
  } catch (...) {
    evaluation = failure(Status::crashed, "the model threw something that is no std::exception");
  }
  evaluation.wall_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return evaluation;
}

}  // namespace invar::evaluation
