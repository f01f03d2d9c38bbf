#include "invar/vi/reweighting.hpp"

#include <cmath>
#include <numeric>

namespace invar::vi {
namespace {

/// log q at every column of x.
Eigen::VectorXd log_density(const Family& family, const Coordinates& at, const Eigen::MatrixXd& x) {
  const Standardized points = family.standardize(at, x);
  // e . R^-1 e, because a = R^-1 e.
  const Eigen::VectorXd squares = points.e.cwiseProduct(points.a).colwise().sum().transpose();
  const auto d = static_cast<double>(family.dimension());
  const double log_normalisation = 0.5 * d - family.entropy(at);
  return log_normalisation - 0.5 * squares.array();
}

}  // namespace

Eigen::VectorXd log_balance_weights(const Target& target, const Family& family,
                                    const DrawnRuns& runs) {
  const Eigen::Index num_runs = runs.points.x.cols();
  const double num_drawn = std::accumulate(runs.num_drawn.begin(), runs.num_drawn.end(), 0.0);
  // log sum exp over the proposals, one at a time.
  Eigen::VectorXd largest = Eigen::VectorXd::Constant(num_runs, -HUGE_VAL);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(num_runs);
  for (std::size_t r = 0; r < runs.proposals.size(); ++r) {
    const Eigen::VectorXd term = log_density(family, runs.proposals[r], runs.points.x).array() +
                                 std::log(runs.num_drawn[r] / num_drawn);
    const Eigen::VectorXd larger = largest.cwiseMax(term);
    sum = sum.array() * (largest - larger).array().exp() + (term - larger).array().exp();
    largest = larger;
  }
  const Eigen::VectorXd log_mixture = largest.array() + sum.array().log();
  return target.log_densities(runs.points, runs.qois).sum() - log_mixture;
}

}  // namespace invar::vi
