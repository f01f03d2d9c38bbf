#include "invar/space/bounds.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::space {

Bounds Bounds::none(Eigen::Index dimension) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return {Eigen::VectorXd::Constant(dimension, -infinity),
          Eigen::VectorXd::Constant(dimension, infinity)};
}

Bounds::Bounds(Eigen::VectorXd min, Eigen::VectorXd max)
    : min_(std::move(min)), max_(std::move(max)) {
  if (min_.size() != max_.size()) {
    throw Error(ErrorKind::config, fmt::format("expected as many lower as upper bounds, found {} "
                                               "and {}",
                                               min_.size(), max_.size()));
  }
  for (Eigen::Index j = 0; j < min_.size(); ++j) {
    if (!(max_[j] > min_[j])) {
      throw Error(ErrorKind::config,
                  fmt::format("expected each upper bound above its lower one, found [{}, {}] for "
                              "parameter {}",
                              min_[j], max_[j], j + 1));
    }
  }
}

bool Bounds::has_any() const {
  return min_.array().isFinite().any() || max_.array().isFinite().any();
}

Eigen::MatrixXd Bounds::clip(const Eigen::MatrixXd& points) const {
  Eigen::MatrixXd clipped = points;
  for (Eigen::Index i = 0; i < clipped.cols(); ++i) {
    for (Eigen::Index j = 0; j < clipped.rows(); ++j) {
      clipped(j, i) = std::fmax(std::fmin(clipped(j, i), max_[j]), min_[j]);
    }
  }
  return clipped;
}

}  // namespace invar::space
