#include "invar/regression/coordinate_change.hpp"

#include <cmath>
#include <utility>

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

bool are_same(const space::Transform& a, const space::Transform& b) {
  if (a.is_identity() && b.is_identity()) {
    return true;
  }
  return a.bounds().min() == b.bounds().min() && a.bounds().max() == b.bounds().max() &&
         a.map() == b.map() && a.interior_margin() == b.interior_margin();
}

CoordinateChange::Moved moved(const MatrixXd& x, const space::Transform& from,
                              const space::Transform& to) {
  const MatrixXd physical = from.to_physical(x);
  CoordinateChange::Moved found;
  for (Index i = 0; i < x.cols(); ++i) {
    if (to.reaches(physical.col(i))) {
      found.columns.push_back(i);
    }
  }
  found.x.resize(x.rows(), static_cast<Index>(found.columns.size()));
  for (std::size_t i = 0; i < found.columns.size(); ++i) {
    found.x.col(static_cast<Index>(i)) = to.to_optimizer(physical.col(found.columns[i]));
  }
  return found;
}

}  // namespace

CoordinateChange::CoordinateChange(space::Transform theirs, space::Transform ours)
    : theirs_(std::move(theirs)), ours_(std::move(ours)), is_identity_(are_same(theirs_, ours_)) {}

CoordinateChange::Moved CoordinateChange::to_ours(const MatrixXd& theirs) const {
  return moved(theirs, theirs_, ours_);
}

CoordinateChange::Moved CoordinateChange::to_theirs(const MatrixXd& ours) const {
  return moved(ours, ours_, theirs_);
}

VectorXd CoordinateChange::log_density(const Gaussian& q, const MatrixXd& ours) const {
  const Moved there = to_theirs(ours);
  const VectorXd at_ours = ours_.log_jacobian(ours);
  const VectorXd at_theirs = q.log_density(there.x) - theirs_.log_jacobian(there.x);
  VectorXd density = VectorXd::Constant(ours.cols(), -HUGE_VAL);
  for (std::size_t i = 0; i < there.columns.size(); ++i) {
    density[there.columns[i]] = at_theirs[static_cast<Index>(i)] + at_ours[there.columns[i]];
  }
  return density;
}

}  // namespace invar::regression
