#include <filesystem>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/store/view.hpp"
#include "store/support/campaign.hpp"

namespace invar::store {
namespace {

using testing::small_d;
using testing::small_m;
using testing::small_n;
using testing::TemporaryDirectory;

void write_campaign(const TemporaryDirectory& directory, const View& view) {
  testing::run_small(directory / "c", testing::closing_every_round());
  CampaignStore(directory / "c").write_view(view);
}

template <class Call>
void expect_error(ErrorKind kind, const Call& call) {
  try {
    call();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
  }
}

TEST(ReadView, GivesBackWhatWasWritten) {
  const TemporaryDirectory directory;
  View written = testing::make_talkative_view();
  written.space.bounds = space::Bounds(Eigen::VectorXd::Constant(small_d, -2.0),
                                       Eigen::VectorXd::Constant(small_d, 3.0));
  write_campaign(directory, written);

  const View view = read_view(directory / "c").view;

  EXPECT_EQ(view.space.names, written.space.names);
  EXPECT_EQ(view.space.units, written.space.units);
  EXPECT_EQ(view.space.prior.mean(), written.space.prior.mean());
  EXPECT_EQ(view.space.prior.std(), written.space.prior.std());
  EXPECT_EQ(view.space.bounds.max(), written.space.bounds.max());
  EXPECT_EQ(view.observations.values, written.observations.values);
  EXPECT_TRUE(view.observations.noise.is_independent());
  EXPECT_EQ(view.qoi_unit, "K");
  const method::Posterior& expected = *written.posterior;
  ASSERT_TRUE(view.posterior.has_value());
  EXPECT_EQ(view.posterior->mean, expected.mean);
  EXPECT_EQ(view.posterior->covariance, expected.covariance);
  EXPECT_EQ(view.posterior->elbo, expected.elbo);
  EXPECT_EQ(view.posterior->samples, expected.samples);
  EXPECT_EQ(view.posterior->qois, expected.qois);
  EXPECT_EQ(view.posterior->weights, expected.weights);
  EXPECT_EQ(view.posterior->draws, expected.draws);
  EXPECT_EQ(view.posterior->optimizer.values(), expected.optimizer.values());
  EXPECT_EQ(view.posterior->diagnostics.values(), expected.diagnostics.values());
  EXPECT_EQ(view.posterior->findings, expected.findings);
  for (const auto& attribute : written.attributes) {
    EXPECT_NE(std::find(view.attributes.begin(), view.attributes.end(), attribute),
              view.attributes.end())
        << attribute.first;
  }
}

TEST(ReadView, GivesBackCorrelations) {
  const TemporaryDirectory directory;
  View written = testing::make_talkative_view();
  Eigen::MatrixXd prior = Eigen::MatrixXd::Identity(small_d, small_d);
  prior(0, 1) = prior(1, 0) = 0.5;
  Eigen::MatrixXd noise = Eigen::MatrixXd::Identity(small_m, small_m);
  noise(0, 1) = noise(1, 0) = 0.25;
  written.space.prior = space::Prior::multivariate(Eigen::VectorXd::Zero(small_d), prior);
  written.observations.noise = space::Noise::correlated(noise);
  write_campaign(directory, written);

  const View view = read_view(directory / "c").view;

  EXPECT_TRUE(view.space.prior.covariance().isApprox(prior, 1e-14));
  EXPECT_EQ(view.observations.noise.covariance(), noise);
}

TEST(ReadView, KnowsWhichEvaluationsTheSamplesAre) {
  const TemporaryDirectory directory;
  testing::run_small(directory / "c", testing::closing_every_round());
  View view = testing::make_talkative_view();
  // The second batch: the runs of ids n, n + 1, ...; those that failed are nobody's sample.
  testing::ChainMethod method = testing::make_small_method();
  method::BatchResult result;
  const method::Batch first = method.ask();
  for (Eigen::Index i = 0; i < small_n; ++i) {
    result.evaluations.push_back(
        testing::run_model(first.points.col(i), small_m, first.wanted_of(i)));
  }
  method.tell(result);
  view.posterior->samples = method.ask().points;
  view.posterior->samples(0, 1) += 1e-15;  // nobody ran this
  CampaignStore(directory / "c").write_view(view);

  const std::vector<std::int64_t> ids = read_view(directory / "c").sample_ids;

  ASSERT_EQ(std::ssize(ids), small_n);
  EXPECT_EQ(ids[1], -1);
  int num_found = 0;
  for (Eigen::Index i = 0; i < small_n; ++i) {
    const bool is_ok =
        testing::run_model(view.posterior->samples.col(i), small_m).status == method::Status::ok;
    if (i != 1) {
      EXPECT_EQ(ids[static_cast<std::size_t>(i)], is_ok ? small_n + i : -1);
      num_found += is_ok ? 1 : 0;
    }
  }
  EXPECT_GT(num_found, 0);
}

TEST(ReadView, RefusesACampaignWithoutAPosterior) {
  const TemporaryDirectory directory;
  expect_error(ErrorKind::no_input, [&] { read_view(directory / "nowhere"); });
  testing::run_small(directory / "c", testing::closing_every_round());
  expect_error(ErrorKind::no_input, [&] { read_view(directory / "c"); });
  View view = testing::make_talkative_view();
  view.posterior.reset();
  CampaignStore(directory / "c").write_view(view);
  expect_error(ErrorKind::no_input, [&] { read_view(directory / "c"); });
}

TEST(ReadView, RefusesADamagedFile) {
  const TemporaryDirectory directory;
  write_campaign(directory, testing::make_talkative_view());
  testing::flip_byte(directory / "c/campaign.h5", 5000);

  expect_error(ErrorKind::data, [&] { read_view(directory / "c"); });
}

}  // namespace
}  // namespace invar::store
