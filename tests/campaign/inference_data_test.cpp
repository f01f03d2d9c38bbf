#include "invar/campaign/inference_data.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"

namespace invar::campaign {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using store::NetcdfGroup;
using store::NetcdfVariable;
using ::testing::ElementsAre;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Two parameters, three QoIs, four weighted runs and six draws of the method.
store::StoredView make_stored() {
  MatrixXd samples(2, 4);
  samples << 0.1, 0.2, 0.3, 0.4, 1.0, 2.0, 3.0, 4.0;
  MatrixXd qois(3, 4);
  qois << 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
  method::Posterior posterior{.mean = VectorXd::Zero(2),
                              .std = VectorXd::Ones(2),
                              .covariance = MatrixXd::Identity(2, 2),
                              .elbo = -3.0,
                              .elbo_standard_error = 0.1,
                              .normalised_elbo = -4.0,
                              .samples = samples,
                              .qois = qois,
                              .weights = Eigen::Vector4d(0.0, 0.5, 0.0, 0.5),
                              .draws = MatrixXd::Random(2, 6),
                              .optimizer = {},
                              .findings = {"All is well.", "b is hardly informed."}};
  posterior.diagnostics.set("k_hat", 0.4);
  posterior.diagnostics.set("ess", 812.5);
  posterior.diagnostics.set("elbo", 17.0);  // the posterior's own counts
  posterior.diagnostics.set("curvature", VectorXd(VectorXd::Ones(2)));
  return {.view = {.attributes = {{"seed", std::int64_t{5}},
                                  {"stop_reason", std::string("max_iterations")},
                                  {"study", std::string("invar: 1\n")},
                                  {"title", std::string("a title")}},
                   .space = {.names = {"a/b", "draw"},
                             .units = {"m", "s"},
                             .prior = space::Prior::diagonal(VectorXd::Zero(2), VectorXd::Ones(2)),
                             .bounds = space::Bounds::none(2)},
                   .observations = {.values = Eigen::Vector3d(1.0, 2.0, 3.0),
                                    .noise =
                                        space::Noise::independent(Eigen::Vector3d(0.25, 1.0, 4.0))},
                   .qoi_unit = "K",
                   .posterior = posterior,
                   .scorer = {}},
          .sample_ids = {10, 11, -1, 13}};
}

options::Node make_study(const std::string& handling = "transform") {
  options::Node study = options::Node::make_map();
  options::Node inference = options::Node::make_map();
  inference.set("covariance_regularization", options::Node::make_real(0.0));
  inference.set("bounded_parameter_handling", options::Node::make_scalar(handling));
  study.set("inference", std::move(inference));
  return study;
}

InferenceData lay_out(const store::StoredView& stored, const options::Node& study = make_study()) {
  return inference_data(stored, study, "2026-01-02T03:04:05Z");
}

/// The group or variable of that name.
template <class Named>
const Named& named(const std::vector<Named>& list, const std::string& name) {
  const auto has_name = [&name](const Named& one) { return one.name == name; };
  const auto found = std::find_if(list.begin(), list.end(), has_name);
  return found == list.end() ? throw std::out_of_range(name) : *found;
}

template <class Named>
bool has(const std::vector<Named>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&](const Named& one) { return one.name == name; });
}

const NetcdfGroup& group_of(const InferenceData& data, const std::string& name) {
  return named(data.file.groups, name);
}

const NetcdfVariable& variable_of(const InferenceData& data, const std::string& group,
                                  const std::string& name) {
  return named(group_of(data, group).variables, name);
}

MatrixXd numbers(const InferenceData& data, const std::string& group, const std::string& name) {
  return std::get<MatrixXd>(variable_of(data, group, name).values);
}

std::map<std::string, store::View::Attribute> attributes(const store::NetcdfAttributes& list) {
  return {list.begin(), list.end()};
}

void expect_data_error(const store::StoredView& stored, const options::Node& study) {
  try {
    lay_out(stored, study);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
  }
}

TEST(InferenceData, HasTheDrawsOfTheMethodWhereThereAreSome) {
  const store::StoredView stored = make_stored();

  const InferenceData data = lay_out(stored);

  const MatrixXd& draws = stored.view.posterior->draws;
  EXPECT_EQ(numbers(data, "posterior", "a_b").reshaped(), draws.row(0).transpose());
  EXPECT_EQ(numbers(data, "posterior", "draw_").reshaped(), draws.row(1).transpose());
  const NetcdfVariable& second = variable_of(data, "posterior", "draw_");
  EXPECT_THAT(second.dimensions, ElementsAre("chain", "draw"));
  EXPECT_EQ(attributes(second.attributes).at("long_name"), store::View::Attribute("draw"));
  EXPECT_EQ(attributes(second.attributes).at("units"), store::View::Attribute("s"));
}

TEST(InferenceData, HasNoDensityOfDrawsThatNobodyRan) {
  const InferenceData data = lay_out(make_stored());

  EXPECT_FALSE(has(group_of(data, "sample_stats").variables, "lp"));
}

TEST(InferenceData, ResamplesRunsByTheirWeights) {
  const InferenceData data = lay_out(make_stored());

  const auto& ids = variable_of(data, "posterior_predictive", "run").values;
  EXPECT_THAT(std::get<std::vector<std::int64_t>>(ids), ElementsAre(11, 11, 11, 13, 13, 13));
  const MatrixXd qois = numbers(data, "posterior_predictive", "qois");
  EXPECT_EQ(qois.col(2), Eigen::Vector3d(2, 6, 10));
  EXPECT_EQ(qois.col(3), Eigen::Vector3d(4, 8, 12));
}

TEST(InferenceData, AddsTheMeasurementNoiseToThePrediction) {
  store::StoredView stored = make_stored();
  stored.view.posterior->draws = MatrixXd::Zero(2, 20'000);
  const InferenceData data = lay_out(stored);

  const MatrixXd noise =
      numbers(data, "posterior_predictive", "y") - numbers(data, "posterior_predictive", "qois");

  // Standard errors: std / sqrt(n) = 0.004, 0.007, 0.014; of the std a share of 0.005.
  const VectorXd std = (noise.rowwise().squaredNorm() / 20'000.0).cwiseSqrt();
  EXPECT_LT(noise.rowwise().mean().cwiseAbs().maxCoeff(), 0.05);
  EXPECT_NEAR(std[0], 0.5, 0.01);
  EXPECT_NEAR(std[1], 1.0, 0.02);
  EXPECT_NEAR(std[2], 2.0, 0.04);
}

TEST(InferenceData, HasTheDensityOfEveryObservation) {
  const MatrixXd log_likelihood = numbers(lay_out(make_stored()), "log_likelihood", "y");

  ASSERT_EQ(log_likelihood.rows(), 3);
  ASSERT_EQ(log_likelihood.cols(), 6);
  // Of run 1, QoI 2: y = 3, q = 10, variance 4.
  EXPECT_NEAR(log_likelihood(2, 0), -0.5 * (49.0 / 4.0 + std::log(2 * std::numbers::pi * 4.0)),
              1e-13);
}

TEST(InferenceData, HasOneDensityPerDrawOfCorrelatedNoise) {
  store::StoredView stored = make_stored();
  MatrixXd covariance = MatrixXd::Identity(3, 3);
  covariance(0, 1) = covariance(1, 0) = 0.5;
  stored.view.observations.noise = space::Noise::correlated(covariance);

  const InferenceData data = lay_out(stored);

  const NetcdfVariable& y = variable_of(data, "log_likelihood", "y");
  EXPECT_THAT(y.dimensions, ElementsAre("chain", "draw"));
  const Eigen::Vector3d misfit = Eigen::Vector3d(2, 6, 10) - stored.view.observations.values;
  const double expected =
      -0.5 * (misfit.dot(covariance.inverse() * misfit) +
              std::log(std::pow(2 * std::numbers::pi, 3) * covariance.determinant()));
  EXPECT_NEAR(std::get<MatrixXd>(y.values)(0), expected, 1e-12);
}

TEST(InferenceData, HasRunsAsDrawsWhereTheMethodHasNoOthers) {
  store::StoredView stored = make_stored();
  stored.view.posterior->draws = {};
  stored.view.posterior->weights = {};

  const InferenceData data = lay_out(stored);

  const method::Posterior& posterior = *stored.view.posterior;
  EXPECT_EQ(numbers(data, "posterior", "a_b").reshaped(), posterior.samples.row(0).transpose());
  EXPECT_EQ(numbers(data, "posterior_predictive", "qois"), posterior.qois);
  EXPECT_EQ(numbers(data, "weighted_runs", "weight").reshaped(), VectorXd::Constant(4, 0.25));
  const VectorXd expected = numbers(data, "weighted_runs", "log_likelihood").reshaped() +
                            numbers(data, "weighted_runs", "log_prior").reshaped();
  EXPECT_TRUE(numbers(data, "sample_stats", "lp").reshaped().isApprox(expected, 1e-14));
}

TEST(InferenceData, ResamplesRunsAsDrawsWhereTheyHaveWeights) {
  store::StoredView stored = make_stored();
  stored.view.posterior->draws = {};

  const MatrixXd draws = numbers(lay_out(stored), "posterior", "a_b");

  EXPECT_EQ(draws.reshaped(), Eigen::Vector4d(0.2, 0.2, 0.4, 0.4));
}

TEST(InferenceData, KeepsTheWeightedRuns) {
  const InferenceData data = lay_out(make_stored());

  const auto& ids = variable_of(data, "weighted_runs", "run").values;
  EXPECT_THAT(std::get<std::vector<std::int64_t>>(ids), ElementsAre(10, 11, -1, 13));
  EXPECT_EQ(numbers(data, "weighted_runs", "parameters"), make_stored().view.posterior->samples);
  EXPECT_EQ(numbers(data, "weighted_runs", "weight").reshaped(),
            Eigen::Vector4d(0.0, 0.5, 0.0, 0.5));
}

TEST(InferenceData, SaysHowGoodTheAnswerIs) {
  const InferenceData data = lay_out(make_stored());

  const auto stats = attributes(group_of(data, "sample_stats").attributes);
  EXPECT_EQ(stats.at("k_hat"), store::View::Attribute(0.4));
  EXPECT_EQ(stats.at("ess"), store::View::Attribute(812.5));
  EXPECT_EQ(stats.at("elbo"), store::View::Attribute(-3.0));
  EXPECT_EQ(stats.at("normalised_elbo"), store::View::Attribute(-4.0));
  EXPECT_EQ(stats.at("stop_reason"), store::View::Attribute("max_iterations"));
  EXPECT_EQ(stats.count("curvature"), 0U);
  EXPECT_EQ(attributes(group_of(data, "posterior").attributes).at("findings"),
            store::View::Attribute("All is well.\nb is hardly informed."));
  const auto root = attributes(data.file.attributes);
  EXPECT_EQ(root.at("created_at"), store::View::Attribute("2026-01-02T03:04:05Z"));
  EXPECT_EQ(root.at("study"), store::View::Attribute("invar: 1\n"));
}

TEST(InferenceData, CutsThePriorAsTheStudyTreatsBounds) {
  store::StoredView stored = make_stored();
  stored.view.space.bounds =
      space::Bounds(Eigen::Vector2d(0.0, -infinity), Eigen::Vector2d(infinity, infinity));
  stored.view.posterior->draws = MatrixXd::Zero(2, 200);

  const MatrixXd restricted = numbers(lay_out(stored), "prior", "a_b");
  const MatrixXd clipped = numbers(lay_out(stored, make_study("clip")), "prior", "a_b");

  EXPECT_GT(restricted.minCoeff(), 0.0);
  EXPECT_EQ(clipped.minCoeff(), 0.0);
  EXPECT_NEAR(static_cast<double>((clipped.array() == 0.0).count()), 100.0, 35.0);  // 5 std
}

TEST(InferenceData, LeavesOutAPriorThatTheBoundsHardlyAllow) {
  store::StoredView stored = make_stored();
  stored.view.space.bounds = space::Bounds(Eigen::Vector2d(60.0, -1.0), Eigen::Vector2d(61.0, 1.0));

  const InferenceData data = lay_out(stored);

  EXPECT_FALSE(has(data.file.groups, "prior"));
  EXPECT_EQ(data.notes.size(), 1U);
}

TEST(InferenceData, LeavesOutWhatRunsWouldSayWhereThereAreNone) {
  store::StoredView stored = make_stored();
  stored.view.posterior->samples = MatrixXd(2, 0);
  stored.view.posterior->qois = MatrixXd(3, 0);
  stored.view.posterior->weights = {};
  stored.sample_ids.clear();

  const InferenceData data = lay_out(stored);

  EXPECT_TRUE(has(data.file.groups, "posterior"));
  EXPECT_FALSE(has(data.file.groups, "posterior_predictive"));
  EXPECT_FALSE(has(data.file.groups, "weighted_runs"));
  EXPECT_EQ(data.notes.size(), 1U);
}

TEST(InferenceData, AddsWhatTheStudyAddsToTheNoise) {
  options::Node study = make_study();
  study.find("inference")->set("covariance_regularization", options::Node::make_real(1.0));

  // Of run 1, QoI 0: y = 1, q = 2, variance 0.25.
  const auto expected = [](double variance) {
    return -0.5 * (1.0 / variance + std::log(2 * std::numbers::pi * variance));
  };
  EXPECT_NEAR(numbers(lay_out(make_stored(), study), "log_likelihood", "y")(0, 0), expected(1.25),
              1e-13);
  const InferenceData without = lay_out(make_stored(), options::Node::make_map());
  EXPECT_NEAR(numbers(without, "log_likelihood", "y")(0, 0), expected(0.25), 1e-13);
}

TEST(InferenceData, RefusesWhatItCannotMakeSenseOf) {
  store::StoredView stored = make_stored();
  options::Node study = make_study();
  study.find("inference")->set("covariance_regularization", options::Node::make_text("little"));
  expect_data_error(stored, study);
  stored.view.posterior->weights = Eigen::Vector4d(0.5, -0.5, 1.0, 0.0);
  expect_data_error(stored, make_study());
  stored.view.posterior->weights = Eigen::Vector3d(0.5, 0.5, 0.0);
  expect_data_error(stored, make_study());
  stored = make_stored();
  stored.view.posterior->draws = {};
  stored.view.posterior->samples = MatrixXd(2, 0);
  expect_data_error(stored, make_study());
}

}  // namespace
}  // namespace invar::campaign
