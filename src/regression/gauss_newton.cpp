#include "invar/regression/gauss_newton.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <Eigen/Dense>

#include "invar/core/error.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int most_runs = 100;
constexpr double most_damping = 1e12;
constexpr double shrink = 0.2;
constexpr double growth = 4.0;
/// The search ends when a full step promises less than this many nats per parameter.
constexpr double settled_decrease = 0.02;

/// The gradient of the log prior at a point.
VectorXd prior_gradient(const PriorExpectation& prior, const VectorXd& x) {
  constexpr double width = 1e-5;  // of a Gaussian that is as good as a point
  const Index d = x.size();
  return prior.under({.mean = x, .lower = width * MatrixXd::Identity(d, d)}).gradient / width;
}

}  // namespace

GaussNewton::GaussNewton(VectorXd first) : trial_(std::move(first)) {}

void GaussNewton::take(const PriorExpectation& prior, const VectorXd& residuals,
                       const MatrixXd& jacobian) {
  ++num_runs_;
  const double value = 0.5 * residuals.squaredNorm() - prior.log_density(trial_)[0];
  const double ratio = has_point() ? (value_ - value) / promised_ : 1.0;
  if (!has_point() || value < value_) {
    x_ = trial_;
    residuals_ = residuals;
    jacobian_ = jacobian;
    value_ = value;
  }
  if (ratio > 0.75) {
    damping_ *= shrink;
  } else if (!(ratio > 0.25)) {
    damping_ *= growth;
  }
  propose(prior);
}

void GaussNewton::take_failure(const PriorExpectation& prior) {
  ++num_runs_;
  damping_ *= growth * growth;
  if (has_point()) {
    propose(prior);
  } else {
    has_settled_ = true;
  }
}

std::vector<VectorXd> GaussNewton::trials_if_rejected(const PriorExpectation& prior,
                                                      int most) const {
  INVAR_EXPECTS(has_point());
  std::vector<VectorXd> trials;
  GaussNewton next = *this;
  for (int i = 0; i < most; ++i) {
    ++next.num_runs_;
    next.damping_ *= growth;
    next.propose(prior);
    if (next.has_settled()) {
      break;
    }
    trials.push_back(next.trial());
  }
  return trials;
}

void GaussNewton::propose(const PriorExpectation& prior) {
  const VectorXd gradient = jacobian_.transpose() * residuals_ - prior_gradient(prior, x_);
  const MatrixXd hessian = jacobian_.transpose() * jacobian_ + prior.precision();
  const double decrease = 0.5 * gradient.dot(hessian.llt().solve(gradient));
  const VectorXd step = -(hessian + damping_ * prior.precision()).llt().solve(gradient);
  promised_ = -(gradient.dot(step) + 0.5 * step.dot(hessian * step));
  trial_ = x_ + step;
  has_settled_ = num_runs_ >= most_runs || damping_ > most_damping ||
                 !(decrease > settled_decrease * static_cast<double>(x_.size()));
}

void GaussNewton::write(method::State& state, const std::string& name) const {
  state.set(name + "_trial", trial_);
  if (has_point()) {
    state.set(name + "_x", x_);
    state.set(name + "_residuals", residuals_);
    state.set(name + "_jacobian", jacobian_);
  }
  state.set(name + "_value", value_);
  state.set(name + "_promised", promised_);
  state.set(name + "_damping", damping_);
  state.set(name + "_runs", static_cast<std::int64_t>(num_runs_));
  state.set(name + "_has_settled", static_cast<std::int64_t>(has_settled_ ? 1 : 0));
}

GaussNewton GaussNewton::read(const method::StateReader& in, const std::string& name,
                              Index num_parameters, Index num_residuals) {
  GaussNewton search(in.vector(name + "_trial", num_parameters));
  if (in.state().has(name + "_x")) {
    search.x_ = in.vector(name + "_x", num_parameters);
    search.residuals_ = in.vector(name + "_residuals", num_residuals);
    search.jacobian_ = in.matrix(name + "_jacobian", num_residuals, num_parameters);
  }
  search.value_ = in.real(name + "_value");
  search.promised_ = in.real(name + "_promised");
  search.damping_ = in.real(name + "_damping");
  search.num_runs_ = in.small_count(name + "_runs");
  search.has_settled_ = in.count(name + "_has_settled") != 0;
  return search;
}

Gaussian GaussNewton::laplace(const PriorExpectation& prior) const {
  const MatrixXd hessian = jacobian_.transpose() * jacobian_ + prior.precision();
  return {.mean = x_, .lower = factor_of_inverse(hessian)};
}

}  // namespace invar::regression
