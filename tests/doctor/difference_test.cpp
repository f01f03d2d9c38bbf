#include "doctor/difference.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using invar::Status;
using invar::doctor::compare;
using invar::doctor::Difference;
using invar::doctor::Outcome;
using testing::HasSubstr;

Outcome ok(const Eigen::VectorXd& qois) {
  return {.status = Status::ok, .message = "", .qois = qois};
}

const Eigen::Vector2d noise_std(0.1, 0.5);

TEST(Compare, FindsNothingInTheSameBits) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Outcome> runs = {
      ok(Eigen::Vector2d(1, 2)),
      {.status = Status::non_finite, .message = "", .qois = Eigen::Vector2d(nan, 1)},
      {.status = Status::model_failed, .message = "it says so", .qois = {}}};

  const Difference difference = compare(runs, runs, noise_std);

  EXPECT_TRUE(difference.is_none());
  EXPECT_EQ(difference.num_points, 3);
}

TEST(Compare, CountsASignOfZeroAsAnotherAnswer) {
  const Difference difference =
      compare({ok(Eigen::Vector2d(0.0, 1))}, {ok(Eigen::Vector2d(-0.0, 1))}, noise_std);

  EXPECT_EQ(difference.num_different, 1);
  EXPECT_EQ(difference.largest_relative, 0.0);
}

TEST(Compare, MeasuresBesideTheMagnitudeOfTheQoiAndBesideTheNoise) {
  const std::vector<Outcome> before = {ok(Eigen::Vector2d(1, -200)), ok(Eigen::Vector2d(4, 0))};
  const std::vector<Outcome> now = {ok(Eigen::Vector2d(1, -200)), ok(Eigen::Vector2d(4.25, 1))};

  const Difference difference = compare(before, now, noise_std);

  EXPECT_EQ(difference.num_different, 1);
  EXPECT_DOUBLE_EQ(difference.largest_relative, 0.0625);  // 0.25 of 4; 1 of 200 is less
  EXPECT_DOUBLE_EQ(difference.largest_in_noise, 2.5);     // 0.25 / 0.1; 1 / 0.5 is less
  EXPECT_EQ(difference.point, 1);
  EXPECT_EQ(difference.qoi, 0);
}

TEST(Compare, NamesTheFirstRunThatEndedOtherwise) {
  const Outcome crash = {.status = Status::crashed, .message = "boom", .qois = {}};

  const Difference difference = compare({ok(Eigen::Vector2d(1, 2)), ok(Eigen::Vector2d(1, 2))},
                                        {ok(Eigen::Vector2d(1, 2)), crash}, noise_std);

  EXPECT_EQ(difference.point, 1);
  EXPECT_THAT(difference.change_of_outcome, HasSubstr("first ok, then crashed (boom)"));
}

}  // namespace
