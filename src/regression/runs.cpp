#include "invar/regression/runs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "invar/core/error.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

void append(MatrixXd& all, Index used, const MatrixXd& more) {
  if (all.cols() < used + more.cols()) {
    all.conservativeResize(Eigen::NoChange, std::max(2 * all.cols(), used + more.cols()));
  }
  all.middleCols(used, more.cols()) = more;
}

/// log(exp a + exp b), entry by entry; either may be minus infinity.
VectorXd log_sum(const VectorXd& a, const VectorXd& b) {
  const VectorXd larger = a.cwiseMax(b).cwiseMax(-std::numeric_limits<double>::max());
  return larger.array() + ((a - larger).array().exp() + (b - larger).array().exp()).log();
}

}  // namespace

Runs::Runs(Index num_parameters, Index num_residuals)
    : x_(num_parameters, 0), residuals_(num_residuals, 0) {}

void Runs::add(const Gaussian& drawn_from, double num_drawn, const MatrixXd& x,
               const MatrixXd& residuals, std::vector<MatrixXd> jacobians) {
  add(Proposal{.gaussian = drawn_from}, num_drawn, x, residuals, std::move(jacobians));
}

void Runs::add(const Proposal& drawn_from, double num_drawn, const MatrixXd& x,
               const MatrixXd& residuals, std::vector<MatrixXd> jacobians) {
  const Index more = x.cols();
  INVAR_EXPECTS(residuals.cols() == more &&
                (jacobians.empty() || static_cast<Index>(jacobians.size()) == more));
  append(x_, num_runs_, x);
  append(residuals_, num_runs_, residuals);
  jacobians.resize(static_cast<std::size_t>(more));
  has_jacobians_ = has_jacobians_ || std::any_of(jacobians.begin(), jacobians.end(),
                                                 [](const MatrixXd& j) { return j.size() > 0; });
  std::move(jacobians.begin(), jacobians.end(), std::back_inserter(jacobians_));
  // The new proposal at all runs, and the old ones at the new runs.
  proposals_.push_back(drawn_from);
  num_drawn_.push_back(num_drawn);
  VectorXd mixture = VectorXd::Constant(num_runs_ + more, -HUGE_VAL);
  mixture.head(num_runs_) = log_mixture_;
  for (std::size_t b = 0; b + 1 < proposals_.size() && more > 0; ++b) {
    mixture.tail(more) =
        log_sum(mixture.tail(more), proposals_[b].log_density(x).array() + std::log(num_drawn_[b]));
  }
  num_runs_ += more;
  log_mixture_ = log_sum(mixture, drawn_from.log_density(this->x()).array() + std::log(num_drawn));
}

VectorXd Runs::log_likelihoods() const {
  return -0.5 * residuals().colwise().squaredNorm().transpose();
}

VectorXd Runs::log_mixture() const {
  const double total = std::accumulate(num_drawn_.begin(), num_drawn_.end(), 0.0);
  return log_mixture_.array() - std::log(total);
}

VectorXd Runs::log_mixture(const MatrixXd& x) const {
  VectorXd mixture = VectorXd::Constant(x.cols(), -HUGE_VAL);
  double total = 0.0;
  for (std::size_t b = 0; b < proposals_.size(); ++b) {
    mixture = log_sum(mixture, proposals_[b].log_density(x).array() + std::log(num_drawn_[b]));
    total += num_drawn_[b];
  }
  return mixture.array() - std::log(total);
}

VectorXd Runs::log_weights(const Gaussian& q) const {
  return q.log_density(x()) - log_mixture();
}

double effective_sample_size(const VectorXd& log_weights) {
  const VectorXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
  return std::pow(weights.sum(), 2) / weights.squaredNorm();
}

}  // namespace invar::regression
