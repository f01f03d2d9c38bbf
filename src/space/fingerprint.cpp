#include "invar/space/fingerprint.hpp"

#include <bit>

#include "invar/core/random.hpp"

namespace invar::space {
namespace {

/// A hash that numbers are added to.
class Fingerprint {
 public:
  void add(const Eigen::MatrixXd& numbers) {
    add_bits(static_cast<std::uint64_t>(numbers.size()));
    for (const double number : numbers.reshaped()) {
      add_bits(std::bit_cast<std::uint64_t>(number));
    }
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  void add_bits(std::uint64_t bits) { value_ = core::mix_bits(value_ ^ bits) + 1; }

  std::uint64_t value_ = 1;
};

}  // namespace

std::uint64_t fingerprint(const Prior& prior, const Observations& observations,
                          double covariance_regularization) {
  Fingerprint all;
  all.add(prior.mean());
  all.add(prior.family() == GaussianFamily::diagonal ? Eigen::MatrixXd(prior.std())
                                                     : prior.covariance());
  all.add(observations.values);
  all.add(observations.noise.is_independent() ? Eigen::MatrixXd(observations.noise.variances())
                                              : observations.noise.covariance());
  all.add(Eigen::MatrixXd::Constant(1, 1, covariance_regularization));
  return all.value();
}

}  // namespace invar::space
