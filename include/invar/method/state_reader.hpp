#pragma once

#include <cstdint>
#include <string>

#include <Eigen/Core>

#include "invar/method/method.hpp"
#include "invar/method/state.hpp"

namespace invar::method {

/// The reason with this name.
/// @throws Error(data)  when there is none
StopReason stop_reason_called(const std::string& name);

/// Whether two values are of one type, one shape and equal, entry by entry.
bool are_same(const StateValue& a, const StateValue& b);

/// Reads values of a saved state and checks their sizes.
///
/// MPI: Local.
/// @throws Error(data)  from every member, naming the value, what was expected and what was found
class StateReader {
 public:
  explicit StateReader(const State& state) : state_(&state) {}

  [[nodiscard]] double real(const std::string& name) const { return state_->get<double>(name); }
  [[nodiscard]] std::int64_t count(const std::string& name) const;
  [[nodiscard]] int small_count(const std::string& name) const;
  [[nodiscard]] const Eigen::VectorXd& vector(const std::string& name, Eigen::Index size) const;
  [[nodiscard]] const Eigen::MatrixXd& matrix(const std::string& name, Eigen::Index rows,
                                              Eigen::Index columns) const;

  [[nodiscard]] const State& state() const { return *state_; }

  static void require(bool condition, const std::string& name, const std::string& expected,
                      const std::string& found);

 private:
  const State* state_;
};

}  // namespace invar::method
