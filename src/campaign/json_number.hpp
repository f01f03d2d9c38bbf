#pragma once

#include <cmath>

#include <nlohmann/json.hpp>

namespace invar::campaign {

/// A number for status.json and `invar show --json`. JSON has no NaN: null stands for what is not
/// known.
inline nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace invar::campaign
