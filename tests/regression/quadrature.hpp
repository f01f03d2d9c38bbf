#pragma once

// What the tests of regression compare with: quadrature and finite differences.

#include <cmath>

#include <Eigen/Dense>

#include "invar/core/random.hpp"
#include "invar/regression/gaussian.hpp"
#include "invar/regression/quadratic_map.hpp"

namespace invar::regression {

/// Nodes d x n and weights of a rule for means under N(0, I).
struct Rule {
  Eigen::MatrixXd nodes;
  Eigen::VectorXd weights;
};

/// The Gauss-Hermite rule with `number` nodes per dimension, exact to degree 2 number - 1.
///
/// Source: Golub & Welsch 1969, doi:10.1090/S0025-5718-69-99647-1.
inline Rule gauss_hermite(Eigen::Index dimension, Eigen::Index number) {
  const Eigen::VectorXd beside =
      Eigen::VectorXd::LinSpaced(number - 1, 1.0, static_cast<double>(number - 1));
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
  solver.computeFromTridiagonal(Eigen::VectorXd::Zero(number), beside.cwiseSqrt());
  const Eigen::VectorXd& nodes = solver.eigenvalues();
  const Eigen::VectorXd weights = solver.eigenvectors().row(0).cwiseAbs2().transpose();
  Eigen::Index size = 1;
  for (Eigen::Index j = 0; j < dimension; ++j) {
    size *= number;
  }
  Rule rule{.nodes = Eigen::MatrixXd::Zero(dimension, size),
            .weights = Eigen::VectorXd::Ones(size)};
  for (Eigen::Index i = 0; i < size; ++i) {
    Eigen::Index rest = i;
    for (Eigen::Index j = 0; j < dimension; ++j) {
      rule.nodes(j, i) = nodes[rest % number];
      rule.weights[i] *= weights[rest % number];
      rest /= number;
    }
  }
  return rule;
}

inline Eigen::MatrixXd normals(Eigen::Index rows, Eigen::Index columns, std::uint32_t block = 0) {
  return core::standard_normals(
      {.seed = 11, .purpose = core::Purpose::test, .iteration = 0, .block = block}, rows, columns);
}

/// Some Gaussian with correlations.
inline Gaussian some_gaussian(Eigen::Index dimension, std::uint32_t block = 0) {
  const Eigen::MatrixXd noise = 0.3 * normals(dimension, dimension + 1, 100 + block);
  Eigen::MatrixXd lower = noise.leftCols(dimension);
  lower.triangularView<Eigen::StrictlyUpper>().setZero();
  lower.diagonal() = noise.diagonal().array().exp();
  return {.mean = 2.0 * noise.col(dimension), .lower = lower};
}

/// Some quadratic functions.
inline QuadraticMap some_map(Eigen::Index dimension, Eigen::Index num_functions,
                             std::uint32_t block = 0) {
  const Eigen::MatrixXd noise =
      normals(dimension, num_functions * (dimension + 1) + num_functions, 200 + block);
  QuadraticMap map{.offset = noise.row(0).tail(num_functions).transpose(),
                   .slope = noise.leftCols(num_functions),
                   .curvature = Eigen::MatrixXd(dimension, dimension * num_functions)};
  for (Eigen::Index k = 0; k < num_functions; ++k) {
    const Eigen::MatrixXd square = noise.middleCols(num_functions + k * dimension, dimension);
    map.curvature.middleCols(k * dimension, dimension) = 0.3 * (square + square.transpose());
  }
  return map;
}

/// The gradient and the Hessian of `value(shift)` at 0 by central differences.
template <typename Function>
Expectation differences(Eigen::Index dimension, double width, const Function& value) {
  const auto at = [&](Eigen::Index i, double a, Eigen::Index j, double b) {
    Eigen::VectorXd shift = Eigen::VectorXd::Zero(dimension);
    shift[i] += a;
    shift[j] += b;
    return value(shift);
  };
  Expectation found{.value = at(0, 0.0, 0, 0.0),
                    .gradient = Eigen::VectorXd(dimension),
                    .hessian = Eigen::MatrixXd(dimension, dimension)};
  for (Eigen::Index i = 0; i < dimension; ++i) {
    found.gradient[i] = (at(i, width, i, 0.0) - at(i, -width, i, 0.0)) / (2.0 * width);
    for (Eigen::Index j = 0; j < dimension; ++j) {
      found.hessian(i, j) = (at(i, width, j, width) - at(i, width, j, -width) -
                             at(i, -width, j, width) + at(i, -width, j, -width)) /
                            (4.0 * width * width);
    }
  }
  return found;
}

/// The Gaussian with its mean moved by L shift.
inline Gaussian shifted(const Gaussian& g, const Eigen::VectorXd& shift) {
  return {.mean = g.mean + g.lower * shift, .lower = g.lower};
}

/// The largest entry of |a - b|.
inline double distance(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  return (a - b).cwiseAbs().maxCoeff();
}

}  // namespace invar::regression
