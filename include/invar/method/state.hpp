#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include <Eigen/Core>

namespace invar::method {

/// One named value of a state.
using StateValue =
    std::variant<std::int64_t, double, std::string, Eigen::VectorXd, Eigen::MatrixXd>;

/// The state of a method as plain named values: complete, so that a restored method continues to
/// the bit, and readable by people in the restart file.
///
/// MPI: Local.
class State {
 public:
  void set(const std::string& name, StateValue value) { values_[name] = std::move(value); }

  void erase(const std::string& name) { values_.erase(name); }
  [[nodiscard]] bool has(const std::string& name) const { return values_.contains(name); }

  /// The value called `name`.
  /// @throws Error(data)  when it is missing or of another type
  template <class T>
  [[nodiscard]] const T& get(const std::string& name) const {
    const auto found = values_.find(name);
    const T* value = found == values_.end() ? nullptr : std::get_if<T>(&found->second);
    if (value == nullptr) {
      throw_missing(name);
    }
    return *value;
  }

  [[nodiscard]] const std::map<std::string, StateValue>& values() const { return values_; }

 private:
  [[noreturn]] static void throw_missing(const std::string& name);

  std::map<std::string, StateValue> values_;
};

}  // namespace invar::method
