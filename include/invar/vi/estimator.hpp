#pragma once

#include <Eigen/Core>

#include "invar/vi/family.hpp"
#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// An estimate of the evidence lower bound, scaled by c.
struct ElboEstimate {
  double value = 0.0;
  double standard_error = 0.0;  // for independent draws; too large for rqmc
  double entropy = 0.0;         // analytic, scaled
};

/// ELBO = mean f + entropy; its standard error is std(f) / sqrt(N).
///
/// Shapes: f N >= 2.
/// MPI:    Local.
ElboEstimate estimate_elbo(const Eigen::VectorXd& f, double scaled_entropy);

/// The gradient of the ELBO by the score function, and how far it stands above its noise.
struct GradientEstimate {
  Eigen::VectorXd mean;     // d, with respect to the means
  Eigen::VectorXd log_std;  // d, with respect to the log standard deviations
  double snr = 0.0;         // |g| / |standard errors|; infinite without noise, 0 where g = 0 too
};

/// g = mean_i w_i s_i with scores s and w = f less a baseline; the entropy adds c to the log_std
/// half.
///
/// Baselines: none; loo, the mean of the other samples; optimal, per component
/// sum f s^2 / sum s^2 of the same samples (a bias of order 1/N).
///
/// Source: run_vi of rom-tools, section 7.
/// Shapes: points d x N, f N.
/// MPI:    Local.
/// Cost:   two or three passes over d x N; no temporaries of that size.
///
/// @param scale  c
GradientEstimate estimate_gradient(const Standardized& points, const Eigen::VectorXd& f,
                                   BaselineMethod baseline, double scale);

/// The Hessian of the ELBO by the score function: mean_i w_i (s s^T + d^2 log q), over
/// (means, log standard deviations).
///
/// The optimal baseline has one number per entry K of the matrix, sum f K^2 / sum K^2, which is
/// expanded into products of matrices as well.
///
/// Source: run_vi of rom-tools, section 7. Deviation: products of matrices instead of a matrix per
///         sample; formed once, and only where it is used.
/// Shapes: points d x N, f N; result 2d x 2d, symmetric, entries that are not finite set to 0.
/// MPI:    Local.
/// Cost:   one 2d x N by N x 2d product and one d x N by N x d; about five times that for the
///         optimal baseline. O(d N + d^2) memory.
Eigen::MatrixXd estimate_hessian(const Family& family, const Standardized& points,
                                 const Eigen::VectorXd& f, BaselineMethod baseline);

}  // namespace invar::vi
