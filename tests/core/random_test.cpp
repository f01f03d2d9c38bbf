#include "invar/core/random.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace invar::core {
namespace {

constexpr StreamKey test_key{.seed = 7, .purpose = Purpose::test, .iteration = 3, .block = 1};

TEST(RandomBits, AreThePublishedPhiloxNumbers) {
  // kat_vectors of Random123, philox4x32-10, third line: counter 243f6a88 85a308d3 13198a2e
  // 03707344, key a4093822 299f31d0.
  const StreamKey key{.seed = 0x299f31d0a4093822,
                      .purpose = static_cast<Purpose>(0x24),
                      .iteration = 0x85a308d3,
                      .block = 0x3f6a88};

  const std::array<std::uint32_t, 4> bits = random_bits(key, 0x13198a2e, 0x03707344);

  EXPECT_THAT(bits, ::testing::ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(RandomBitsDeathTest, RefuseABlockBeyondTheirField) {
  StreamKey key = test_key;
  key.block = 1U << 24U;

  EXPECT_DEATH(random_bits(key, 0, 0), "block");
}

TEST(StandardNormals, HaveTheMomentsOfANormal) {
  const Eigen::Index num_samples = 100000;

  const Eigen::ArrayXXd z = standard_normals(test_key, 3, num_samples);

  // Five standard errors of each moment: var(z) = 1, var(z^2) = 2, var(z^3) = 15, var(z^4) = 96.
  const double unit = 5.0 / std::sqrt(static_cast<double>(num_samples));
  for (Eigen::Index j = 0; j < z.rows(); ++j) {
    EXPECT_NEAR(z.row(j).mean(), 0.0, unit);
    EXPECT_NEAR(z.row(j).square().mean(), 1.0, unit * std::sqrt(2.0));
    EXPECT_NEAR(z.row(j).cube().mean(), 0.0, unit * std::sqrt(15.0));
    EXPECT_NEAR(z.row(j).square().square().mean(), 3.0, unit * std::sqrt(96.0));
  }
  EXPECT_NEAR((z.row(0) * z.row(1)).mean(), 0.0, unit);
  EXPECT_NEAR((z.row(0).square() * z.row(1).square()).mean(), 1.0, unit * std::sqrt(8.0));
  EXPECT_NEAR((z.row(1) * z.row(2)).mean(), 0.0, unit);
}

TEST(StandardNormals, OfASampleDoNotDependOnHowManyAreAskedFor) {
  const Eigen::MatrixXd few = standard_normals(test_key, 5, 3);

  const Eigen::MatrixXd many = standard_normals(test_key, 5, 17);

  EXPECT_EQ(few, many.leftCols(3));
}

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  Eigen::MatrixXd u(1, 6);
  u << 1e-15, 0.02, 0.3, 0.5, 0.975, 1.0 - 1e-12;
  Eigen::MatrixXd z = u;

  normal_quantile_in_place(z);

  for (Eigen::Index i = 0; i < u.cols(); ++i) {
    const double p = 0.5 * std::erfc(-z(0, i) / std::sqrt(2.0));
    EXPECT_NEAR(p, u(0, i), 1e-13 * std::max(u(0, i), 1e-2));
  }
  EXPECT_NEAR(z(0, 4), 1.959963984540054, 1e-12);  // tables of the normal distribution
}

}  // namespace
}  // namespace invar::core
