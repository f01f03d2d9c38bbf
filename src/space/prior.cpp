#include "invar/space/prior.hpp"

#include <cmath>
#include <numbers>

#include <Eigen/Cholesky>
#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/linalg/cholesky.hpp"

namespace invar::space {

Prior Prior::diagonal(const Eigen::VectorXd& mean, const Eigen::VectorXd& std) {
  if (mean.size() == 0 || mean.size() != std.size()) {
    throw Error(ErrorKind::config,
                fmt::format("expected as many means as standard deviations and at least one, found "
                            "{} and {}",
                            mean.size(), std.size()));
  }
  for (Eigen::Index j = 0; j < mean.size(); ++j) {
    if (!std::isfinite(mean[j]) || !std::isfinite(std[j]) || std[j] <= 0) {
      throw Error(ErrorKind::config,
                  fmt::format("expected a finite mean and a positive standard deviation, found {} "
                              "and {} for parameter {}",
                              mean[j], std[j], j + 1));
    }
  }
  Prior prior;
  prior.family_ = GaussianFamily::diagonal;
  prior.mean_ = mean;
  prior.std_ = std;
  prior.log_normalisation_ =
      -0.5 * static_cast<double>(mean.size()) * std::log(2.0 * std::numbers::pi) -
      std.array().log().sum();
  return prior;
}

Prior Prior::multivariate(const Eigen::VectorXd& mean, const Eigen::MatrixXd& covariance) {
  if (mean.size() == 0 || covariance.rows() != mean.size() || covariance.cols() != mean.size()) {
    throw Error(ErrorKind::config,
                fmt::format("expected a covariance of {0} x {0} for {0} means, found {1} x {2}",
                            mean.size(), covariance.rows(), covariance.cols()));
  }
  if (!mean.allFinite()) {
    throw Error(ErrorKind::config, "expected finite means");
  }
  if (!linalg::is_symmetric(covariance, 1e-8)) {
    throw Error(ErrorKind::config, "expected a symmetric covariance");
  }
  const Eigen::LLT<Eigen::MatrixXd> factor(covariance);
  if (!covariance.allFinite() || factor.info() != Eigen::Success) {
    throw Error(ErrorKind::config,
                "expected a positive definite covariance, found one that is not");
  }
  Prior prior;
  prior.family_ = GaussianFamily::multivariate;
  prior.mean_ = mean;
  prior.std_ = covariance.diagonal().cwiseSqrt();
  prior.lower_ = factor.matrixL();
  prior.log_normalisation_ =
      -0.5 * static_cast<double>(mean.size()) * std::log(2.0 * std::numbers::pi) -
      prior.lower_.diagonal().array().log().sum();
  return prior;
}

Eigen::MatrixXd Prior::covariance() const {
  if (family_ == GaussianFamily::diagonal) {
    return std_.cwiseAbs2().asDiagonal();
  }
  return lower_ * lower_.transpose();
}

Eigen::VectorXd Prior::log_density(const Eigen::MatrixXd& points) const {
  INVAR_EXPECTS(points.rows() == dimension());
  Eigen::MatrixXd standardized = points.colwise() - mean_;
  if (family_ == GaussianFamily::diagonal) {
    standardized.array().colwise() /= std_.array();
  } else {
    lower_.triangularView<Eigen::Lower>().solveInPlace(standardized);
  }
  return (log_normalisation_ - 0.5 * standardized.colwise().squaredNorm().array()).transpose();
}

}  // namespace invar::space
