#include "model_petsc/poisson_derivatives.hpp"

#include "invar/petsc/check.hpp"

namespace invar::model_petsc {

using petsc::check;

PoissonDerivatives::PoissonDerivatives(const PoissonOptions& options, PoissonSystem& system,
                                       const PointValues& values)
    : system_(system), values_(values), forces_(options, system.lines(), system.solution()) {
  check(VecDuplicate(system.solution(), load_.put()));
  check(VecDuplicate(system.solution(), solution_.put()));
}

std::optional<std::string> PoissonDerivatives::add(const model::ModelRequest& request,
                                                   const Eigen::VectorXd& coefficients,
                                                   model::ModelResult& result) {
  const bool wants_along = request.directions.size() > 0;
  const bool wants_against = request.weights.size() > 0;
  if (!request.wants_jacobian && !wants_along && !wants_against) {
    return std::nullopt;
  }
  forces_.set_solution(system_.solution());
  if (!request.wants_jacobian) {
    std::optional<std::string> trouble;
    if (wants_along) {
      trouble = along(request.directions, coefficients, result.jacobian_vectors);
    }
    if (wants_against && !trouble) {
      trouble = against(request.weights, coefficients, result.vector_jacobians);
    }
    return trouble;
  }
  const Eigen::Index d = coefficients.size();
  const Eigen::Index m = values_.num_points();
  if (d <= m) {
    if (auto trouble = along(Eigen::MatrixXd::Identity(d, d), coefficients, result.jacobian)) {
      return trouble;
    }
  } else {
    Eigen::MatrixXd transposed;
    if (auto trouble = against(Eigen::MatrixXd::Identity(m, m), coefficients, transposed)) {
      return trouble;
    }
    result.jacobian = transposed.transpose();
  }
  if (result.jacobian.size() > 0) {  // on rank 0
    if (wants_along) {
      result.jacobian_vectors = result.jacobian * request.directions;
    }
    if (wants_against) {
      result.vector_jacobians = result.jacobian.transpose() * request.weights;
    }
  }
  return std::nullopt;
}

std::optional<std::string> PoissonDerivatives::along(const Eigen::MatrixXd& directions,
                                                     const Eigen::VectorXd& coefficients,
                                                     Eigen::MatrixXd& products) {
  INVAR_EXPECTS(directions.rows() == coefficients.size());
  for (Eigen::Index i = 0; i < directions.cols(); ++i) {
    forces_.apply(-coefficients.cwiseProduct(directions.col(i)), load_.get());
    if (auto trouble = system_.solve_for(load_.get(), solution_.get())) {
      return trouble;
    }
    const Eigen::VectorXd product = values_.gather(solution_.get(), system_.group());
    products.conservativeResize(product.size(), directions.cols());
    products.col(i) = product;
  }
  return std::nullopt;
}

std::optional<std::string> PoissonDerivatives::against(const Eigen::MatrixXd& weights,
                                                       const Eigen::VectorXd& coefficients,
                                                       Eigen::MatrixXd& products) {
  INVAR_EXPECTS(weights.rows() == values_.num_points());
  for (Eigen::Index i = 0; i < weights.cols(); ++i) {
    values_.spread(weights.col(i), load_.get());
    if (auto trouble = system_.solve_for(load_.get(), solution_.get())) {
      return trouble;
    }
    const Eigen::VectorXd by_block = forces_.products(solution_.get(), system_.group());
    products.conservativeResize(by_block.size(), weights.cols());
    if (by_block.size() > 0) {
      products.col(i) = -coefficients.cwiseProduct(by_block);
    }
  }
  return std::nullopt;
}

}  // namespace invar::model_petsc
