#include "invar/vi/family.hpp"

#include <cmath>
#include <numbers>

#include "invar/core/random.hpp"

namespace invar::vi {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd normals(Eigen::Index num_samples) {
  return core::standard_normals({.seed = 2, .purpose = core::Purpose::test}, 3, num_samples);
}

class EveryFamily : public ::testing::TestWithParam<bool> {
 protected:
  EveryFamily() : family(Family::diagonal(3)) {
    if (GetParam()) {
      MatrixXd correlation(3, 3);
      correlation << 1.0, 0.4, -0.3, 0.4, 1.0, 0.2, -0.3, 0.2, 1.0;
      family = Family::correlated(Eigen::LLT<MatrixXd>(correlation).matrixL());
    }
    at = {.mean = Eigen::Vector3d(0.4, -0.1, 0.5), .log_std = Eigen::Vector3d(-0.5, 0.2, -1.0)};
  }

  [[nodiscard]] MatrixXd covariance(const Coordinates& q) const {
    return q.std().asDiagonal() * family.correlation() * q.std().asDiagonal();
  }

  [[nodiscard]] double log_density(const Coordinates& q, const VectorXd& x) const {
    const VectorXd e = x - q.mean;
    return -0.5 * (e.dot(covariance(q).inverse() * e) + 3 * std::log(2 * std::numbers::pi) +
                   std::log(covariance(q).determinant()));
  }

  Family family;
  Coordinates at;
};

TEST_P(EveryFamily, DrawsSamplesOfItsMeanAndCovariance) {
  const Eigen::Index n = 200000;
  MatrixXd x = family.points(at, normals(n));

  const VectorXd mean = x.rowwise().mean();
  x.colwise() -= mean;
  const MatrixXd sampled = x * x.transpose() / static_cast<double>(n);

  // Five standard errors: std / sqrt(n) of the mean, at most std_j std_k sqrt(2 / n) of the rest.
  const double unit = 5.0 / std::sqrt(static_cast<double>(n));
  for (Eigen::Index j = 0; j < 3; ++j) {
    EXPECT_NEAR(mean[j], at.mean[j], unit * at.std()[j]);
    for (Eigen::Index k = 0; k < 3; ++k) {
      EXPECT_NEAR(sampled(j, k), covariance(at)(j, k),
                  unit * std::sqrt(2.0) * at.std()[j] * at.std()[k]);
    }
  }
}

TEST_P(EveryFamily, HasTheEntropyOfItsDensity) {
  // H = 1/2 log |2 pi e C|
  EXPECT_NEAR(family.entropy(at),
              0.5 * (3 * std::log(2 * std::numbers::pi * std::numbers::e) +
                     std::log(covariance(at).determinant())),
              1e-13);
}

TEST_P(EveryFamily, HasTheScoresOfItsDensity) {
  const MatrixXd x = family.points(at, normals(2));
  const Standardized seen = family.standardize(at, x);
  const double step = 1e-5;

  for (Eigen::Index i = 0; i < 2; ++i) {
    for (Eigen::Index j = 0; j < 3; ++j) {
      const auto difference = [&](VectorXd Coordinates::*half) {
        Coordinates above = at;
        Coordinates below = at;
        (above.*half)[j] += step;
        (below.*half)[j] -= step;
        return (log_density(above, x.col(i)) - log_density(below, x.col(i))) / (2 * step);
      };
      EXPECT_NEAR(seen.a(j, i) / seen.std[j], difference(&Coordinates::mean), 1e-7);
      EXPECT_NEAR(seen.e(j, i) * seen.a(j, i) - 1.0, difference(&Coordinates::log_std), 1e-7);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Family, EveryFamily, ::testing::Bool());

}  // namespace
}  // namespace invar::vi
