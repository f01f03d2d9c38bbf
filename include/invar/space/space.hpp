#pragma once

#include <string>
#include <vector>

#include "invar/space/bounds.hpp"
#include "invar/space/prior.hpp"

namespace invar::space {

/// The named parameters with their prior and bounds.
///
/// Shapes: d names and units, prior and bounds of dimension d.
/// MPI:    Local; unchanged after construction.
struct Space {
  std::vector<std::string> names;
  std::vector<std::string> units;
  Prior prior;
  Bounds bounds;

  [[nodiscard]] Eigen::Index dimension() const { return prior.dimension(); }
};

}  // namespace invar::space
