#pragma once

#include <vector>

#include <Eigen/Core>

#include "invar/regression/quadratic_map.hpp"

namespace invar::regression {

/// Points with weights at which functions are known.
///
/// Shapes: z d x n; weights n, positive; values m x n; jacobians none, or n of m x d each: the
///         derivatives of the values with respect to z; metric none, or symmetric d x d: the
///         coordinates metric * z in which curvatures of all directions may be of one size.
struct Samples {
  Eigen::MatrixXd z;
  Eigen::VectorXd weights;
  Eigen::MatrixXd values;
  std::vector<Eigen::MatrixXd> jacobians = {};
  Eigen::MatrixXd metric = {};
};

/// A quadratic that was fitted.
struct Fit {
  QuadraticMap map;
  Eigen::MatrixXd residuals;  // m x n, values less those of the map
  Eigen::MatrixXd left_out;   // m x n, the same with each sample left out of the fit in turn
  // n: the mean over outputs of the squared error of what was fitted (values, or gradients where
  // there are Jacobians) when the sample is left out
  Eigen::VectorXd errors;
  double residual_variance =
      0.0;  // of a value at weight 1 (the weights' mean is 1), all outputs alike
  double slope_variance = 0.0;  // prior variances that the data chose, in units of the residual's
  double curvature_variance = 0.0;
};

/// How rich a fit may be.
enum class Degree { linear, quadratic };

/// Fits polynomials to several outputs at once by weighted ridge regression.
///
/// Slopes and curvatures (Hermite coefficients) have Gaussian priors with two variances that all
/// outputs share; these and the variance of the residual are those of the largest restricted
/// marginal likelihood, so that noise decides how much is believed, also with fewer points than
/// coefficients. Where a linear map explains the values no worse, it is linear.
///
/// With Jacobians the slopes and curvatures are fitted to them instead (a linear regression of
/// every derivative on z), and the offsets to the values.
///
/// Source: Patterson & Thompson 1971, doi:10.1093/biomet/58.3.545 (restricted likelihood);
///         Rasmussen & Williams 2006, section 2.7 (explicit basis functions).
/// MPI:    Local.
/// Cost:   values: O(n^2 (n + m + d)) for every trial of the two variances, some dozens of them,
/// and
///         O(n d^2 m) for the curvatures; Jacobians: O(n d (n + d m)).
/// @pre at least one sample
Fit fit_polynomial(const Samples& samples, Degree degree);

}  // namespace invar::regression
