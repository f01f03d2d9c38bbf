#pragma once

#include <Eigen/Core>

namespace invar::space {

/// Lower and upper limits of the parameters; infinite where a side is open.
///
/// Shapes: min, max d.
/// Units:  those of the parameters.
/// MPI:    Local.
class Bounds {
 public:
  /// No limits at all.
  static Bounds none(Eigen::Index dimension);

  /// @throws Error(config)  when sizes differ, an entry is NaN, or a max is not above its min
  Bounds(Eigen::VectorXd min, Eigen::VectorXd max);

  [[nodiscard]] const Eigen::VectorXd& min() const { return min_; }
  [[nodiscard]] const Eigen::VectorXd& max() const { return max_; }
  [[nodiscard]] bool has_any() const;

  /// Every entry cut to its limits; NaN becomes the upper limit, as in the reference.
  [[nodiscard]] Eigen::MatrixXd clip(const Eigen::MatrixXd& points) const;

 private:
  Eigen::VectorXd min_;
  Eigen::VectorXd max_;
};

}  // namespace invar::space
