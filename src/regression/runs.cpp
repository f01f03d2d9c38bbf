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
  VectorXd mixture(num_runs_ + more);
  mixture << log_mixture_, log_sum_of_proposals(x);
  proposals_.push_back(drawn_from);
  num_drawn_.push_back(num_drawn);
  num_runs_ += more;
  log_mixture_ = log_sum(mixture, drawn_from.log_density(this->x()).array() + std::log(num_drawn));
}

VectorXd Runs::log_likelihoods() const {
  return -0.5 * residuals().colwise().squaredNorm().transpose();
}

double Runs::log_num_drawn() const {
  return std::log(std::accumulate(num_drawn_.begin(), num_drawn_.end(), 0.0));
}

VectorXd Runs::log_sum_of_proposals(const MatrixXd& x) const {
  VectorXd sum = VectorXd::Constant(x.cols(), -HUGE_VAL);
  for (std::size_t b = 0; b < proposals_.size() && x.cols() > 0; ++b) {
    sum = log_sum(sum, proposals_[b].log_density(x).array() + std::log(num_drawn_[b]));
  }
  return sum;
}

VectorXd Runs::log_mixture() const {
  return log_mixture_.array() - log_num_drawn();
}

VectorXd Runs::log_mixture(const MatrixXd& x) const {
  return log_sum_of_proposals(x).array() - log_num_drawn();
}

VectorXd Runs::log_weights(const Gaussian& q) const {
  return q.log_density(x()) - log_mixture();
}

double effective_sample_size(const VectorXd& log_weights) {
  const VectorXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
  return std::pow(weights.sum(), 2) / weights.squaredNorm();
}

}  // namespace invar::regression
