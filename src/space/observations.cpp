#include "invar/space/observations.hpp"

#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/linalg/cholesky.hpp"
#include "invar/linalg/spectral.hpp"

namespace invar::space {

Noise Noise::independent(const Eigen::VectorXd& variances) {
  for (Eigen::Index k = 0; k < variances.size(); ++k) {
    if (!std::isfinite(variances[k]) || variances[k] <= 0) {
      throw Error(ErrorKind::data,
                  fmt::format("expected a positive noise variance, found {} for observation {}",
                              variances[k], k + 1));
    }
  }
  Noise noise;
  noise.variances_ = variances;
  return noise;
}

Noise Noise::correlated(const Eigen::MatrixXd& covariance) {
  if (covariance.rows() != covariance.cols()) {
    throw Error(ErrorKind::data, fmt::format("expected a square noise covariance, found {} x {}",
                                             covariance.rows(), covariance.cols()));
  }
  if (!covariance.allFinite()) {
    throw Error(ErrorKind::data, "expected a finite noise covariance");
  }
  if (!linalg::is_symmetric(covariance, 1e-8)) {
    throw Error(ErrorKind::data, "expected a symmetric noise covariance");
  }
  if ((covariance.diagonal().array() <= 0).any()) {
    throw Error(ErrorKind::data,
                "expected positive variances on the diagonal of the noise "
                "covariance");
  }
  const Eigen::VectorXd values = linalg::spectrum(covariance).values;
  if (values[0] < -1e-10 * values[values.size() - 1]) {
    throw Error(ErrorKind::data,
                fmt::format("expected a positive semi-definite noise covariance, found the "
                            "eigenvalue {}",
                            values[0]));
  }
  Noise noise;
  noise.variances_ = covariance.diagonal();
  const Eigen::MatrixXd diagonal = noise.variances_.asDiagonal();
  if (covariance != diagonal) {
    noise.covariance_ = 0.5 * (covariance + covariance.transpose());
  }
  return noise;
}

Eigen::MatrixXd Noise::covariance() const {
  if (is_independent()) {
    return variances_.asDiagonal();
  }
  return covariance_;
}

Likelihood::Likelihood(const Observations& observations, double covariance_regularization)
    : values_(observations.values) {
  INVAR_EXPECTS(observations.noise.size() == values_.size());
  const double log_two_pi = std::log(2.0 * std::numbers::pi);
  if (observations.noise.is_independent()) {
    const Eigen::VectorXd inverse =
        (observations.noise.variances().array() + covariance_regularization).inverse();
    const double cutoff = 1e-15 * inverse.maxCoeff();
    inverse_std_ = (inverse.array() > cutoff).select(inverse.cwiseSqrt(), 0.0);
    for (const double p : inverse) {
      log_normalisation_ += p > cutoff ? 0.5 * (std::log(p) - log_two_pi) : 0.0;
    }
  } else {
    Eigen::MatrixXd covariance = observations.noise.covariance();
    covariance.diagonal().array() += covariance_regularization;
    whitening_ = linalg::whitening(covariance);
    log_normalisation_ = whitening_.rowwise().norm().array().log().sum() -
                         0.5 * static_cast<double>(whitening_.rows()) * log_two_pi;
  }
}

Eigen::MatrixXd Likelihood::pointwise_log_likelihood(const Eigen::MatrixXd& qois) const {
  INVAR_EXPECTS(qois.rows() == values_.size() && whitening_.size() == 0);
  const Eigen::MatrixXd misfit = inverse_std_.asDiagonal() * ((-qois).colwise() + values_);
  const double log_two_pi = std::log(2.0 * std::numbers::pi);
  // What is cut off has no density and counts for nothing, as in the sum.
  const Eigen::ArrayXd log_normalisation =
      (inverse_std_.array() > 0.0).select(inverse_std_.array().log() - 0.5 * log_two_pi, 0.0);
  return (-0.5 * misfit.array().square()).colwise() + log_normalisation;
}

Eigen::VectorXd Likelihood::log_likelihood(const Eigen::MatrixXd& qois) const {
  return -0.5 * whitened_residuals(qois).colwise().squaredNorm().transpose();
}

Eigen::MatrixXd Likelihood::whitened_residuals(const Eigen::MatrixXd& qois) const {
  INVAR_EXPECTS(qois.rows() == values_.size());
  return whitened(qois.colwise() - values_);
}

Eigen::MatrixXd Likelihood::whitened(const Eigen::MatrixXd& matrix) const {
  if (whitening_.size() > 0) {
    return whitening_ * matrix;
  }
  return inverse_std_.asDiagonal() * matrix;
}

Eigen::MatrixXd Likelihood::weights_of(const Eigen::MatrixXd& matrix) const {
  if (whitening_.size() > 0) {
    return whitening_.transpose() * matrix;
  }
  return inverse_std_.asDiagonal() * matrix;
}

Eigen::MatrixXd Likelihood::unwhitened(const Eigen::MatrixXd& matrix) const {
  if (whitening_.size() > 0) {
    // Its rows are orthogonal: eigenvectors, each times a number.
    const Eigen::VectorXd squares = whitening_.rowwise().squaredNorm();
    return whitening_.transpose() * squares.cwiseInverse().asDiagonal() * matrix;
  }
  const Eigen::VectorXd std = (inverse_std_.array() > 0.0).select(inverse_std_.cwiseInverse(), 0.0);
  return std.asDiagonal() * matrix;
}

}  // namespace invar::space
