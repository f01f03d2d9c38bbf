// What regression_vi may ask soon.
#include <utility>

#include "invar/regression/regression_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// So many rejections in a row of a Gauss-Newton search are offered.
constexpr int most_rejections_offered = 3;

}  // namespace

std::vector<RegressionVi::Offer> RegressionVi::offers() const {
  std::vector<Offer> offers;
  if (!pending_) {
    return offers;
  }
  Index left = options_.max_evaluations - num_evaluations_ - pending_->cols();
  // Each batch in one go, as `ask` does it: other shapes may differ in their last bits.
  const auto offer = [&](const MatrixXd& x, Index rounds, bool is_search) {
    left -= x.cols();
    if (left >= 0 && x.cols() > 0) {
      offers.push_back(
          {.points = transform_.to_physical(x), .rounds = rounds, .is_search = is_search});
    }
  };
  if (climbs_.empty()) {
    if (!has_jacobians()) {
      const Index size = next_exploring_size(num_explored_ + pending_->cols());
      offer(start_.points(draws(exploring_key(round_ + 1), size)), 1, false);
    }
    return offers;
  }
  Index rounds = 0;
  for (const std::size_t other : turns()) {
    if (other != current_) {
      offer(next_points(climbs_[other]), ++rounds, climbs_[other].search.has_value());
    }
  }
  // It goes on when the others have come to their ends, unless one of them is better.
  const std::size_t best = best_climb();
  if (best != current_ && climbs_[current_].is_under_way() && climbs_[best].has_settled() &&
      !climbs_[best].is_accurate()) {
    offer(next_points(climbs_[best]), rounds + 1, climbs_[best].search.has_value());
  }
  if (const auto& search = climbs_[current_].search; search && search->has_point()) {
    for (const VectorXd& trial : search->trials_if_rejected(prior_, most_rejections_offered)) {
      offer(trial, rounds + 1, true);
    }
  }
  return offers;
}

method::Batch RegressionVi::ahead() const {
  method::Batch batch{.round = round_ + 1, .points = MatrixXd(space_.dimension(), 0)};
  if (!pending_) {
    return batch;
  }
  batch.first_id = num_evaluations_ + pending_->cols();
  for (const Offer& next : offers()) {
    const Index there = batch.points.cols();
    batch.points.conservativeResize(Eigen::NoChange, there + next.points.cols());
    batch.points.rightCols(next.points.cols()) = next.points;
  }
  if (has_jacobians()) {
    batch.wanted.assign(static_cast<std::size_t>(batch.points.cols()), wanted());
  }
  return batch;
}

}  // namespace invar::regression
