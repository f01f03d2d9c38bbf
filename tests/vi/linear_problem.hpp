#pragma once

// A linear model with Gaussian noise and prior, whose posterior is known, for the tests of vi.

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include <Eigen/Dense>

#include "invar/method/evaluation.hpp"
#include "invar/space/observations.hpp"
#include "invar/space/space.hpp"

namespace invar::vi {

struct LinearProblem {
  Eigen::MatrixXd model;  // q = model * theta
  space::Space space;
  space::Observations observations;

  [[nodiscard]] method::BatchResult evaluate(const method::Batch& batch) const {
    method::BatchResult result;
    for (Eigen::Index i = 0; i < batch.points.cols(); ++i) {
      method::Evaluation evaluation;
      evaluation.qois = model * batch.points.col(i);
      result.evaluations.push_back(std::move(evaluation));
    }
    return result;
  }

  /// A = C_p^-1 + G^T Gamma^-1 G: the posterior's precision.
  [[nodiscard]] Eigen::MatrixXd precision() const {
    return space.prior.covariance().inverse() +
           model.transpose() * observations.noise.covariance().inverse() * model;
  }

  [[nodiscard]] Eigen::VectorXd posterior_mean() const {
    return precision().inverse() *
           (space.prior.covariance().inverse() * space.prior.mean() +
            model.transpose() * observations.noise.covariance().inverse() * observations.values);
  }

  /// The log evidence without the likelihood's constant, as the method's ELBO leaves it out.
  [[nodiscard]] double log_evidence() const {
    const Eigen::VectorXd m = posterior_mean();
    const Eigen::VectorXd& y = observations.values;
    const Eigen::MatrixXd noise_precision = observations.noise.covariance().inverse();
    const Eigen::MatrixXd prior_precision = space.prior.covariance().inverse();
    return -0.5 * (y.dot(noise_precision * y) +
                   space.prior.mean().dot(prior_precision * space.prior.mean()) -
                   m.dot(precision() * m)) +
           0.5 * std::log(prior_precision.determinant()) -
           0.5 * std::log(precision().determinant());
  }
};

/// Three parameters, four correlated observations; without bounds.
inline LinearProblem linear_problem(space::GaussianFamily family) {
  Eigen::MatrixXd model(4, 3);
  model << 1.0, 0.2, -0.4, -0.3, 0.5, 0.1, 0.4, 0.4, 0.8, 0.2, -0.6, 0.3;
  Eigen::MatrixXd noise = 0.3 * Eigen::MatrixXd::Identity(4, 4);
  noise(0, 1) = noise(1, 0) = 0.05;
  Eigen::MatrixXd covariance(3, 3);
  covariance << 1.0, 0.3, -0.2, 0.3, 0.6, 0.1, -0.2, 0.1, 0.8;
  const Eigen::Vector3d mean(0.1, -0.2, 0.3);
  const space::Prior prior = family == space::GaussianFamily::diagonal
                                 ? space::Prior::diagonal(mean, covariance.diagonal().cwiseSqrt())
                                 : space::Prior::multivariate(mean, covariance);
  return {.model = model,
          .space = {.names = {"a", "b", "c"},
                    .units = {"", "", ""},
                    .prior = prior,
                    .bounds = space::Bounds::none(3)},
          .observations = {.values = Eigen::Vector4d(0.6, -0.4, 0.9, 0.1),
                           .noise = space::Noise::correlated(noise)}};
}

}  // namespace invar::vi
