#include "app/parameter_table.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace invar::app {

std::string parameter_table(const std::vector<std::string>& names,
                            const std::vector<std::string>& units, const Eigen::VectorXd& mean,
                            const Eigen::VectorXd& std) {
  std::size_t width = 9;
  for (const std::string& name : names) {
    width = std::max(width, name.size());
  }
  std::string text =
      fmt::format("{:{}}  {:>14}  {:>14}  unit\n", "parameter", width, "mean", "std");
  for (std::size_t j = 0; j < names.size(); ++j) {
    const auto row = static_cast<Eigen::Index>(j);
    text += fmt::format("{:{}}  {:>14.7g}  {:>14.7g}  {}\n", names[j], width, mean[row], std[row],
                        j < units.size() ? units[j] : "");
  }
  return text;
}

}  // namespace invar::app
