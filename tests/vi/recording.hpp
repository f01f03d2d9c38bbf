#pragma once

// Reading of recorded runs of the reference implementation, and comparing with them. Shared by the
// programs run_vi_states and run_vi_trajectories.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <Eigen/Core>
#include <nlohmann/json.hpp>

#include "invar/core/error.hpp"

namespace invar::vi::recording {

using Json = nlohmann::json;

/// @throws Error(no_input, data)  when the file cannot be read, or is not JSON
Json read_json(const std::string& path);

/// The value of a key.
/// @throws Error(data)  when it is not there
const Json& at(const Json& object, const std::string& key);

Eigen::VectorXd vector_of(const Json& list);

/// @throws Error(data)  when there are more or fewer numbers
Eigen::VectorXd vector_of(const Json& list, Eigen::Index size);

/// A list of rows as it is written.
Eigen::MatrixXd matrix_of(const Json& rows);

/// Samples written as rows, as columns.
inline Eigen::MatrixXd columns_of(const Json& rows) {
  return matrix_of(rows).transpose();
}

/// The worst disagreement found so far.
struct Worst {
  double difference = 0.0;
  std::string where;

  /// max |found - expected| / max |expected|; a number that is not finite must be the same.
  void compare(const std::string& what, const Eigen::MatrixXd& found,
               const Eigen::MatrixXd& expected);
  void compare(const std::string& what, double found, const Json& expected);

  /// Counts as a complete disagreement when the texts differ.
  void compare_text(const std::string& what, const std::string& found, const std::string& expected);
};

/// Sizes in a recording that do not fit together end here.
inline void refuse_recording(const char* text) noexcept {
  std::fprintf(stderr, "the sizes in the recording do not fit together: %s\n", text);
  std::_Exit(static_cast<int>(ErrorKind::data));
}

/// Runs `body`, printing an error with the program's name; gives the exit code.
template <class Body>
int guarded(const std::string& program, const Body& body) {
  core::set_expectation_hook(refuse_recording);
  try {
    return body();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), error.what());
    return error.exit_code();
  } catch (const nlohmann::json::exception& error) {
    std::fprintf(stderr, "%s: the recording is not of the expected form: %s\n", program.c_str(),
                 error.what());
    return static_cast<int>(ErrorKind::data);
  }
}

}  // namespace invar::vi::recording
