#pragma once

#include <Eigen/Core>

#include "invar/space/space.hpp"
#include "invar/vi/moments.hpp"

namespace invar::regression {

/// Coordinates xi in which the prior is N(0, I): theta = T(xi).
///
/// Without bounds T(xi) = mean + L xi with L the factor of the prior's covariance. An independent
/// parameter with bounds has the prior's quantile function: T(xi) = F^-1(Phi(xi)) with F the
/// distribution function of the normal cut to the bounds.
///
/// Shapes: d parameters; points d x N.
/// MPI:    Local.
class PriorFrame {
 public:
  /// @throws Error(config)  when correlated parameters have bounds
  explicit PriorFrame(const space::Space& space);

  [[nodiscard]] Eigen::Index dimension() const { return mean_.size(); }
  [[nodiscard]] Eigen::MatrixXd to_physical(const Eigen::MatrixXd& xi) const;
  /// The inverse; points on a bound or beyond are taken just inside.
  [[nodiscard]] Eigen::MatrixXd to_standard(const Eigen::MatrixXd& physical) const;

  /// Logarithm of the share of the prior that is within the bounds. The density of a prior is not
  /// cut to them elsewhere: an evidence with it is larger by this, which is not positive.
  [[nodiscard]] double log_mass() const;

  /// A mean to start from: as `to_standard`, but well within the bounds.
  [[nodiscard]] Eigen::VectorXd start_of(const Eigen::VectorXd& mean) const;

  /// Standard deviations of a distribution in these coordinates, about.
  [[nodiscard]] Eigen::VectorXd std_of(const space::Prior& distribution) const;

  /// M dT/dxi at a point.
  /// Shapes: rows k x d, xi d; result k x d.
  [[nodiscard]] Eigen::MatrixXd rows_in_frame(const Eigen::MatrixXd& rows,
                                              const Eigen::VectorXd& xi) const;
  /// dT/dxi M at a point.
  /// Shapes: columns d x k, xi d; result d x k.
  [[nodiscard]] Eigen::MatrixXd columns_out_of_frame(const Eigen::MatrixXd& columns,
                                                     const Eigen::VectorXd& xi) const;

  /// Moments of T(xi) for xi ~ N(mean, I + B C B^T) with orthonormal B: closed form, or quadrature
  /// where there are bounds.
  /// Shapes: mean d, basis d x r, excess r x r.
  [[nodiscard]] vi::PhysicalMoments moments(const Eigen::VectorXd& mean,
                                            const Eigen::MatrixXd& basis,
                                            const Eigen::MatrixXd& excess) const;

 private:
  [[nodiscard]] bool is_bounded(Eigen::Index parameter) const;
  [[nodiscard]] Eigen::VectorXd slope(const Eigen::VectorXd& xi) const;
  void bend(Eigen::Index parameter, Eigen::Ref<Eigen::RowVectorXd> xi) const;

  Eigen::VectorXd mean_, std_;
  Eigen::MatrixXd lower_;       // of correlated parameters; empty without
  Eigen::VectorXd low_, high_;  // bounds in prior standard deviations from the mean
  bool has_bounds_;
};

}  // namespace invar::regression
