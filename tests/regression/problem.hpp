// An inverse problem whose model is a function, for the tests of the methods.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <Eigen/Core>
#include <fmt/format.h>

#include "invar/regression/regression_vi.hpp"

namespace invar::regression {

/// A model as a function, with its derivatives where it has them.
struct Problem {
  space::Space space;
  space::Observations observations;
  std::function<Eigen::VectorXd(const Eigen::VectorXd&)> model;
  std::function<Eigen::MatrixXd(const Eigen::VectorXd&)> jacobian = {};
  int num_runs_per_failure = 0;  // every so many runs one fails; 0: none

  [[nodiscard]] method::BatchResult evaluate(const method::Batch& batch) const {
    method::BatchResult result;
    for (Eigen::Index i = 0; i < batch.points.cols(); ++i) {
      method::Evaluation evaluation;
      if (num_runs_per_failure > 0 && (batch.first_id + i) % num_runs_per_failure == 0) {
        evaluation.status = method::Status::crashed;
      } else {
        evaluation.qois = model(batch.points.col(i));
        if (!evaluation.qois.allFinite()) {
          evaluation.status = method::Status::non_finite;
        } else {
          evaluation.derivatives = derivatives(batch.points.col(i), batch.wanted_of(i));
        }
      }
      result.evaluations.push_back(std::move(evaluation));
    }
    return result;
  }

  [[nodiscard]] method::Derivatives derivatives(const Eigen::VectorXd& theta,
                                                const method::WantedDerivatives& wanted) const {
    method::Derivatives found;
    if (wanted.is_empty()) {
      return found;
    }
    const Eigen::MatrixXd j = jacobian(theta);
    if (wanted.jacobian) {
      found.jacobian = j;
    }
    if (wanted.directions.size() > 0) {
      found.jacobian_vectors = j * wanted.directions;
    }
    if (wanted.weights.size() > 0) {
      found.vector_jacobians = j.transpose() * wanted.weights;
    }
    return found;
  }

  [[nodiscard]] DerivativeSource source() const {
    return jacobian ? DerivativeSource::jacobian : DerivativeSource::none;
  }

  [[nodiscard]] RegressionVi method(const RegressionViOptions& options) const {
    return {space, observations, options, std::nullopt, source()};
  }

  /// Runs to the end; gives the method.
  [[nodiscard]] std::unique_ptr<const RegressionVi> solve(
      const RegressionViOptions& options) const {
    auto method =
        std::make_unique<RegressionVi>(space, observations, options, std::nullopt, source());
    while (method->stop_reason() == method::StopReason::none) {
      method->tell(evaluate(method->ask()));
    }
    return method;
  }
};

inline space::Space make_space(const space::Prior& prior, const space::Bounds& bounds) {
  space::Space space{.names = {}, .units = {}, .prior = prior, .bounds = bounds};
  for (Eigen::Index j = 0; j < prior.dimension(); ++j) {
    space.names.push_back(fmt::format("p{}", j));
    space.units.emplace_back();
  }
  return space;
}

inline space::Space make_space(const Eigen::VectorXd& mean, const Eigen::VectorXd& std) {
  return make_space(space::Prior::diagonal(mean, std), space::Bounds::none(mean.size()));
}

}  // namespace invar::regression
