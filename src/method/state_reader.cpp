#include "invar/method/state_reader.hpp"

#include <limits>
#include <type_traits>
#include <variant>

#include "invar/core/error.hpp"

namespace invar::method {
namespace {

std::string text_of_shape(Eigen::Index rows, Eigen::Index columns) {
  return std::to_string(rows) + " x " + std::to_string(columns);
}

}  // namespace

StopReason stop_reason_called(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(StopReason::stopped_early); ++i) {
    const auto reason = static_cast<StopReason>(i);
    if (name == stop_reason_name(reason)) {
      return reason;
    }
  }
  throw Error(ErrorKind::data, "the saved state has the unknown stop reason `" + name + "`");
}

bool are_same(const StateValue& a, const StateValue& b) {
  return a.index() == b.index() && std::visit(
                                       [&b](const auto& left) {
                                         using T = std::decay_t<decltype(left)>;
                                         const T& right = std::get<T>(b);
                                         if constexpr (std::is_base_of_v<Eigen::EigenBase<T>, T>) {
                                           return left.rows() == right.rows() &&
                                                  left.cols() == right.cols() && left == right;
                                         } else {
                                           return left == right;
                                         }
                                       },
                                       a);
}

std::int64_t StateReader::count(const std::string& name) const {
  const auto value = state_->get<std::int64_t>(name);
  require(value >= 0, name, "a count", std::to_string(value));
  return value;
}

int StateReader::small_count(const std::string& name) const {
  const std::int64_t value = count(name);
  require(value <= std::numeric_limits<int>::max(), name, "a small count", std::to_string(value));
  return static_cast<int>(value);
}

const Eigen::VectorXd& StateReader::vector(const std::string& name, Eigen::Index size) const {
  const auto& value = state_->get<Eigen::VectorXd>(name);
  require(value.size() == size, name, std::to_string(size) + " numbers",
          std::to_string(value.size()));
  return value;
}

const Eigen::MatrixXd& StateReader::matrix(const std::string& name, Eigen::Index rows,
                                           Eigen::Index columns) const {
  const auto& value = state_->get<Eigen::MatrixXd>(name);
  require(value.rows() == rows && value.cols() == columns, name,
          text_of_shape(rows, columns) + " numbers", text_of_shape(value.rows(), value.cols()));
  return value;
}

void StateReader::require(bool condition, const std::string& name, const std::string& expected,
                          const std::string& found) {
  if (!condition) {
    throw Error(ErrorKind::data,
                "the saved state: expected " + expected + " for `" + name + "`, found " + found);
  }
}

}  // namespace invar::method
