#pragma once

#include <cmath>

#include <Eigen/Core>
#include <nlohmann/json.hpp>

namespace invar::campaign {

/// A number for status.json and `invar show --json`. JSON has no NaN: null stands for what is not
/// known.
inline nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

inline nlohmann::json json_numbers(const Eigen::VectorXd& values) {
  nlohmann::json list = nlohmann::json::array();
  for (const double value : values) {
    list.push_back(json_number(value));
  }
  return list;
}

}  // namespace invar::campaign
