#include "invar/method/evaluation.hpp"

#include <algorithm>
#include <bit>

namespace invar::method {

bool have_same_bits(const Eigen::Ref<const Eigen::MatrixXd>& a,
                    const Eigen::Ref<const Eigen::MatrixXd>& b) {
  const auto same = [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  };
  return a.cols() == b.cols() &&
         (a.cols() == 0 ||
          (a.rows() == b.rows() &&
           std::equal(a.reshaped().begin(), a.reshaped().end(), b.reshaped().begin(), same)));
}

bool is_same(const WantedDerivatives& a, const WantedDerivatives& b) {
  return a.jacobian == b.jacobian && have_same_bits(a.directions, b.directions) &&
         have_same_bits(a.weights, b.weights);
}

bool is_same(const Question& a, const Question& b) {
  return have_same_bits(a.point, b.point) && is_same(a.wanted, b.wanted);
}

std::int64_t BatchResult::num_failed() const {
  return std::count_if(evaluations.begin(), evaluations.end(),
                       [](const Evaluation& e) { return e.status != Status::ok; });
}

}  // namespace invar::method
