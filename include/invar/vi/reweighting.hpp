#pragma once

#include <vector>

#include <Eigen/Core>

#include "invar/vi/family.hpp"
#include "invar/vi/target.hpp"

namespace invar::vi {

/// Runs of the model that were drawn from several members of a family.
///
/// Shapes: a column per good run; `origin` has an index into `proposals` per run.
struct DrawnRuns {
  Points points;
  Eigen::MatrixXd qois;  // m x N
  std::vector<std::size_t> origin;
  std::vector<Coordinates> proposals;
  std::vector<double>
      num_drawn;  // from each proposal: the good runs and those that came to nothing
};

/// Logarithms of the balance-heuristic weights, not normalised: those of the target without its
/// likelihood's constant and without the scale c.
///
/// Source: as `campaign::rescore`.
/// MPI:    Local.
/// Cost:   O(N R d) for R proposals, d^2 with correlation.
/// @pre every proposal has drawn a run
Eigen::VectorXd log_balance_weights(const Target& target, const Family& family,
                                    const DrawnRuns& runs);

}  // namespace invar::vi
