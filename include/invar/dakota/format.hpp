#pragma once

namespace invar::dakota {

/// How a parameters file says what is to be evaluated.
enum class ParametersFormat {
  standard,  // Dakota's parameters file
  aprepro,   // the same as lines `{ name = value }`
  json,
};

}  // namespace invar::dakota
