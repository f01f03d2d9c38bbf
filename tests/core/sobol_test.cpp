#include "invar/core/sobol.hpp"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace invar::core {
namespace {

constexpr StreamKey test_key{.seed = 11, .purpose = Purpose::scramble, .iteration = 2, .block = 0};

TEST(ScrambledSobol, HitsEveryElementaryIntervalOfEveryCoordinateOnce) {
  const Eigen::Index num_points = 256;

  const Eigen::MatrixXd points = scrambled_sobol(test_key, 40, num_points);

  for (Eigen::Index j = 0; j < points.rows(); ++j) {
    for (Eigen::Index first = 2; first <= num_points; first *= 2) {
      std::vector<int> hits(static_cast<std::size_t>(first), 0);
      for (Eigen::Index i = 0; i < first; ++i) {
        const double cell = std::floor(points(j, i) * static_cast<double>(first));
        ++hits.at(static_cast<std::size_t>(cell));
      }
      for (const int count : hits) {
        EXPECT_EQ(count, 1) << "dimension " << j << ", first " << first;
      }
    }
  }
}

TEST(ScrambledSobol, IsANetInTheFirstTwoDimensions) {
  // A (0, 8, 2)-net: each of the boxes 2^-a x 2^-(8-a) holds one of the first 256 points.
  const Eigen::MatrixXd points = scrambled_sobol(test_key, 2, 256);

  for (int a = 0; a <= 8; ++a) {
    const double columns = std::exp2(a);
    const double rows = std::exp2(8 - a);
    std::vector<int> hits(256, 0);
    for (Eigen::Index i = 0; i < 256; ++i) {
      ++hits.at(static_cast<std::size_t>(std::floor(points(0, i) * columns) * rows +
                                         std::floor(points(1, i) * rows)));
    }
    EXPECT_EQ(std::count(hits.begin(), hits.end(), 1), 256) << "a = " << a;
  }
}

TEST(ScrambledSobol, GivesEveryPointTheUniformDistribution) {
  // One point over many scrambles: mean 1/2 and variance 1/12, to five standard errors
  // (variance of the squared deviation is 1/180), and independent coordinates.
  const int num_scrambles = 4000;
  const double unit = 5.0 / std::sqrt(static_cast<double>(num_scrambles));
  for (const Eigen::Index point : {0, 1, 5}) {
    double sum = 0.0;
    double squares = 0.0;
    double products = 0.0;
    for (int s = 0; s < num_scrambles; ++s) {
      StreamKey key = test_key;
      key.iteration = static_cast<std::uint32_t>(s);
      const Eigen::MatrixXd points = scrambled_sobol(key, 3, 6);
      sum += points(2, point) - 0.5;
      squares += std::pow(points(2, point) - 0.5, 2);
      products += (points(1, point) - 0.5) * (points(2, point) - 0.5);
    }
    EXPECT_NEAR(sum / num_scrambles, 0.0, unit / std::sqrt(12.0));
    EXPECT_NEAR(squares / num_scrambles, 1.0 / 12.0, unit / std::sqrt(180.0));
    EXPECT_NEAR(products / num_scrambles, 0.0, unit / 12.0);
  }
}

TEST(ScrambledSobol, OfAPointDoesNotDependOnHowManyAreAskedFor) {
  const Eigen::MatrixXd few = scrambled_sobol(test_key, 7, 5);

  const Eigen::MatrixXd many = scrambled_sobol(test_key, 7, 64);

  EXPECT_EQ(few, many.leftCols(5));
}

TEST(ScrambledSobol, ReachesTheLargestDimensionAndStaysInsideTheUnitCube) {
  const Eigen::MatrixXd points = scrambled_sobol(test_key, max_sobol_dimension, 4);

  EXPECT_GT(points.minCoeff(), 0.0);
  EXPECT_LT(points.maxCoeff(), 1.0);
}

TEST(ScrambledSobol, SaysWhichDimensionItDoesNotReach) {
  try {
    scrambled_sobol(test_key, max_sobol_dimension + 1, 4);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("3667"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("3668"));
  }
}

/// A smooth integrand with mean 1: the product of two normalised exponentials of normals.
double error_of_mean(const Eigen::MatrixXd& normals) {
  double sum = 0.0;
  for (Eigen::Index i = 0; i < normals.cols(); ++i) {
    sum += std::exp(0.5 * normals.col(i).sum() - 0.25);  // E exp(z/2) = exp(1/8)
  }
  return sum / static_cast<double>(normals.cols()) - 1.0;
}

/// The slope of log2 of the root mean square error against log2 N, over 2^4 .. 2^12.
template <class Draw>
double error_slope(const Draw& draw) {
  constexpr int num_seeds = 24;
  std::vector<double> x;
  std::vector<double> y;
  for (int log_size = 4; log_size <= 12; ++log_size) {
    double squares = 0.0;
    for (int seed = 0; seed < num_seeds; ++seed) {
      StreamKey key = test_key;
      key.seed = 1000 + static_cast<std::uint64_t>(seed);
      squares += std::pow(error_of_mean(draw(key, Eigen::Index{1} << log_size)), 2);
    }
    x.push_back(log_size);
    y.push_back(0.5 * std::log2(squares / num_seeds));
  }
  const Eigen::Map<Eigen::ArrayXd> xs(x.data(), static_cast<Eigen::Index>(x.size()));
  const Eigen::Map<Eigen::ArrayXd> ys(y.data(), static_cast<Eigen::Index>(y.size()));
  return ((xs - xs.mean()) * (ys - ys.mean())).sum() / (xs - xs.mean()).square().sum();
}

TEST(ScrambledSobol, HasAnErrorThatFallsFasterThanThatOfIndependentDraws) {
  const double quasi = error_slope([](const StreamKey& key, Eigen::Index num_samples) {
    Eigen::MatrixXd points = scrambled_sobol(key, 2, num_samples);
    normal_quantile_in_place(points);
    return points;
  });
  const double independent = error_slope([](const StreamKey& key, Eigen::Index num_samples) {
    return standard_normals(key, 2, num_samples);
  });

  // Each point of the fit has a relative error of about 1/sqrt(2 * 24) = 0.14, hence 0.21 in log2,
  // and the slope over 9 points one of 0.21 / sqrt(60) = 0.03.
  EXPECT_LT(quasi, -0.8);
  EXPECT_NEAR(independent, -0.5, 0.1);
  RecordProperty("rqmc_slope", std::to_string(quasi));
  RecordProperty("mc_slope", std::to_string(independent));
  std::printf("slopes: rqmc %.2f, mc %.2f\n", quasi, independent);
}

}  // namespace
}  // namespace invar::core
