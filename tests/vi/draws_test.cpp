#include "invar/vi/draws.hpp"

namespace invar::vi {
namespace {

RunViOptions options_of(SamplingMethod method) {
  RunViOptions options;
  options.sampling_method = method;
  return options;
}

class EveryMethod : public ::testing::TestWithParam<SamplingMethod> {};

TEST_P(EveryMethod, GivesABlockAgainInWhateverOrder) {
  const auto draws = make_draw_source(options_of(GetParam()), 3);
  const DrawBlock first{.iteration = 0, .block = 0, .num_dimensions = 3, .num_samples = 8};
  const DrawBlock second{.iteration = 1, .block = 0, .num_dimensions = 3, .num_samples = 8};
  const DrawBlock extension{.iteration = 1, .block = 1, .num_dimensions = 3, .num_samples = 8};

  const Eigen::MatrixXd a = draws->draw(first);
  const Eigen::MatrixXd b = draws->draw(second);
  const Eigen::MatrixXd c = draws->draw(extension);

  EXPECT_NE(a, b);
  EXPECT_NE(b, c);
  EXPECT_TRUE(a.allFinite());
  EXPECT_EQ(make_draw_source(options_of(GetParam()), 3)->draw(second), b);
  EXPECT_EQ(draws->draw(first), a);
}

TEST_P(EveryMethod, DependsOnTheSeed) {
  RunViOptions options = options_of(GetParam());
  const DrawBlock block{.iteration = 0, .block = 0, .num_dimensions = 2, .num_samples = 4};
  const Eigen::MatrixXd before = make_draw_source(options, 2)->draw(block);

  options.random_seed = 2;

  EXPECT_NE(make_draw_source(options, 2)->draw(block), before);
}

INSTANTIATE_TEST_SUITE_P(DrawSource, EveryMethod,
                         ::testing::Values(SamplingMethod::mc, SamplingMethod::rqmc));

TEST(DrawSource, OfRqmcIsBalancedInEveryParameter) {
  const auto draws = make_draw_source(options_of(SamplingMethod::rqmc), 5);

  const Eigen::MatrixXd z =
      draws->draw({.iteration = 3, .block = 0, .num_dimensions = 5, .num_samples = 64});

  for (Eigen::Index j = 0; j < 5; ++j) {
    EXPECT_EQ((z.row(j).array() < 0.0).count(), 32);
  }
}

TEST(DrawSource, RefusesMoreDimensionsThanSobolHas) {
  EXPECT_THROW(make_draw_source(options_of(SamplingMethod::rqmc), 3668), Error);
  EXPECT_NO_THROW(make_draw_source(options_of(SamplingMethod::mc), 3668));
}

}  // namespace
}  // namespace invar::vi
