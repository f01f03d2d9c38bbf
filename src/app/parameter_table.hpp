#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>

namespace invar::app {

/// Means and standard deviations, a line per parameter with its unit.
std::string parameter_table(const std::vector<std::string>& names,
                            const std::vector<std::string>& units, const Eigen::VectorXd& mean,
                            const Eigen::VectorXd& std);

}  // namespace invar::app
