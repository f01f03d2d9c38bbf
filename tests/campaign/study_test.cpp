#include "invar/campaign/study.hpp"

#include <cmath>
#include <limits>

#include "support/nodes.hpp"

namespace invar::campaign {
namespace {

using options::Node;
using test::list;
using test::map;
using test::quoted;
using test::scalar;
using test::scalars;
using ::testing::HasSubstr;

constexpr double infinity = std::numeric_limits<double>::infinity();

struct EchoOptions {
  double factor = 2.0;
};

/// A model type that is never made.
model::ModelType echo_type() {
  return model::make_model_type<EchoOptions>(
      "echo", "gives its parameters back",
      options::Table<EchoOptions>({options::real("factor", &EchoOptions::factor,
                                                 options::Range::above(0), "what to multiply by")}),
      [](const EchoOptions&, const model::ProblemSizes&, MPI_Comm) {
        return std::unique_ptr<model::Model>();
      });
}

class StudyTest : public ::testing::Test {
 protected:
  StudyTest() {
    registry.add(echo_type());
    root = map({{"invar", scalar("1")},
                {"parameters",
                 map({{"names", scalars({"a", "b"})},
                      {"prior", map({{"mean", scalars({"0", "1"})}, {"std", scalar("2")}})}})},
                {"observations",
                 map({{"values", scalars({"3", "4", "5"})}, {"covariance", scalar("0.25")}})},
                {"model", map({{"type", scalar("echo")}})}});
  }

  Node& at(const std::string& dotted) { return *const_cast<Node*>(root.find_path(dotted)); }

  Study read() { return read_study(root, files, registry); }

  std::string message() {
    try {
      read();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  test::MemoryFiles files;
  model::ModelRegistry registry;
  Node root;
};

TEST_F(StudyTest, PutsTheModelIntoAProcessWhereThatIsSaid) {
  EXPECT_EQ(read().isolation, Isolation::none);
  at("model").set("isolation", scalar("process"));
  EXPECT_EQ(read().isolation, Isolation::process);
  EXPECT_EQ(read().resolved.find_path("model.isolation")->scalar, "process");

  at("model").set("isolation", scalar("proces"));
  EXPECT_THAT(message(), HasSubstr("did you mean `process`?"));
}

TEST_F(StudyTest, PutsOnlyModelsOfOneRankIntoAProcess) {
  at("model").set("isolation", scalar("process"));
  root.set("evaluation", map({{"ranks_per_model", scalar("2")}}));

  EXPECT_THAT(message(), HasSubstr("`evaluation.ranks_per_model`: expected 1"));
}

TEST_F(StudyTest, ReadsTheShortestStudyWithAllDefaults) {
  const Study study = read();

  EXPECT_EQ(study.title, "");
  EXPECT_EQ(study.space.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(study.space.units, (std::vector<std::string>{"", ""}));
  EXPECT_EQ(study.space.prior.mean(), Eigen::Vector2d(0, 1));
  EXPECT_EQ(study.space.prior.std(), Eigen::Vector2d(2, 2));
  EXPECT_FALSE(study.space.bounds.has_any());
  EXPECT_EQ(study.observations.values, Eigen::Vector3d(3, 4, 5));
  EXPECT_EQ(study.observations.noise.variances(), Eigen::Vector3d::Constant(0.25));
  EXPECT_EQ(study.model_type, "echo");
  EXPECT_EQ(study.run_vi.sample_size, 30);
  EXPECT_FALSE(study.initial.distribution.has_value());
  EXPECT_FALSE(study.initial.from.has_value());
  EXPECT_EQ(study.evaluation.ranks_per_model, 1);
  EXPECT_EQ(study.campaign.directory, "campaign");
  EXPECT_EQ(study.campaign.restart_files_to_keep, 10);
}

TEST_F(StudyTest, NumbersParametersBehindAPrefix) {
  at("parameters").set("names", map({{"prefix", scalar("k")}, {"count", scalar("3")}}));
  at("parameters").set("units", quoted("m"));
  at("parameters.prior").set("mean", scalar("0"));

  const Study study = read();

  EXPECT_EQ(study.space.names, (std::vector<std::string>{"k1", "k2", "k3"}));
  EXPECT_EQ(study.space.units, (std::vector<std::string>{"m", "m", "m"}));
  EXPECT_EQ(study.space.dimension(), 3);
}

TEST_F(StudyTest, ReadsBoundsThatAreOpenOnASide) {
  at("parameters").set("bounds", map({{"min", scalars({"-1", "-.inf"})}, {"max", scalar("7")}}));

  const Study study = read();

  EXPECT_EQ(study.space.bounds.min(), Eigen::Vector2d(-1, -infinity));
  EXPECT_EQ(study.space.bounds.max(), Eigen::Vector2d(7, 7));
}

TEST_F(StudyTest, TakesRecordsOfAFileRowByRow) {
  files.texts["obs.csv"] = "t,u,v\n0,1,2\n1,3,4\n";
  at("observations")
      .set("values", map({{"file", scalar("obs.csv")}, {"columns", scalars({"u", "v"})}}));

  EXPECT_EQ(read().observations.values, Eigen::Vector4d(1, 2, 3, 4));
}

TEST_F(StudyTest, ReadsEveryFormOfTheNoise) {
  struct Case {
    Node covariance;
    Eigen::MatrixXd expected;
  };
  files.texts["variances.txt"] = "1\n4\n9\n";
  files.texts["matrix.csv"] = "2,1,0\n1,2,0\n0,0,3\n";
  files.datasets["noise.h5:/c"] = Eigen::Matrix3d::Identity() * 5;
  const Eigen::Matrix3d matrix = (Eigen::Matrix3d() << 2, 1, 0, 1, 2, 0, 0, 0, 3).finished();
  const Eigen::Matrix3d squares = Eigen::Vector3d(1, 4, 9).asDiagonal();
  const std::vector<Case> cases{
      {scalar("4"), Eigen::Matrix3d::Identity() * 4},
      {scalars({"1", "4", "9"}), squares},
      {list({scalars({"2", "1", "0"}), scalars({"1", "2", "0"}), scalars({"0", "0", "3"})}),
       matrix},
      {map({{"std", scalar("2")}}), Eigen::Matrix3d::Identity() * 4},
      {map({{"std", scalars({"1", "2", "3"})}}), squares},
      {map({{"file", scalar("variances.txt")}}), squares},
      {map({{"file", scalar("matrix.csv")}}), matrix},
      {map({{"file", scalar("noise.h5")}, {"dataset", scalar("/c")}}),
       Eigen::Matrix3d::Identity() * 5},
  };
  for (const Case& c : cases) {
    at("observations").set("covariance", c.covariance);

    EXPECT_EQ(read().observations.noise.covariance(), c.expected) << c.covariance.description();
  }
}

TEST_F(StudyTest, ReadsAMultivariatePrior) {
  at("parameters")
      .set("prior", map({{"family", scalar("multivariate")},
                         {"mean", scalar("0")},
                         {"covariance", list({scalars({"2", "1"}), scalars({"1", "2"})})}}));

  const Study study = read();

  EXPECT_EQ(study.space.prior.family(), space::GaussianFamily::multivariate);
  EXPECT_TRUE(
      study.space.prior.covariance().isApprox((Eigen::Matrix2d() << 2, 1, 1, 2).finished(), 1e-15));
}

TEST_F(StudyTest, StartsFromMomentsAndTakesTheRestFromThePrior) {
  root.set("inference", map({{"initial", map({{"std", scalar("0.5")}})}}));

  const Study study = read();

  ASSERT_TRUE(study.initial.distribution.has_value());
  EXPECT_EQ(study.initial.distribution->mean(), Eigen::Vector2d(0, 1));
  EXPECT_EQ(study.initial.distribution->std(), Eigen::Vector2d(0.5, 0.5));
}

TEST_F(StudyTest, ReadsTheOptionsOfTheMethod) {
  root.set("inference", map({{"method", scalar("run_vi")},
                             {"random_seed", scalar("18446744073709551615")},
                             {"sampling_method", scalar("rqmc")},
                             {"sample_size", scalar("64")}}));

  const Study study = read();

  EXPECT_EQ(study.run_vi.random_seed, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(study.run_vi.sampling_method, vi::SamplingMethod::rqmc);
  EXPECT_EQ(study.run_vi.sample_size, 64);
}

TEST_F(StudyTest, ResolvesEveryKeyThatItDescribes) {
  const Node resolved = read().resolved;

  for (const options::Description& key : describe_study(registry)) {
    const std::string parent = key.path.substr(0, std::min(key.path.rfind('.'), key.path.size()));
    const Node* map_of_key = resolved.find_path(parent);
    // Keys of a map that is left out, and those of configs and methods not chosen, are not
    // resolved.
    const bool is_of_other_method = key.condition == "method: regression_vi";
    const bool is_expected =
        !is_of_other_method && (key.path.find('.') == std::string::npos ||
                                (map_of_key != nullptr && map_of_key->kind == Node::Kind::map &&
                                 key.path.find("_config.") == std::string::npos));
    EXPECT_TRUE(!is_expected || resolved.find_path(key.path) != nullptr) << key.path;
  }
}

TEST_F(StudyTest, ReadsTheOptionsOfRegressionVi) {
  root.set("inference", map({{"method", scalar("regression_vi")},
                             {"random_seed", scalar("5")},
                             {"family", scalar("mean_field")},
                             {"accuracy", scalar("0.1")},
                             {"max_evaluations", scalar("77")},
                             {"sample_size", scalar("9")},
                             {"first_sample_size", scalar("auto")},
                             {"starts", scalar("2")},
                             {"derivatives", scalar("none")},
                             {"sampling_method", scalar("mc")},
                             {"trust_radius", scalar("2.5")},
                             {"num_draws", scalar("10")},
                             {"transform_map", scalar("arctan")},
                             {"transform_interior_margin", scalar("0.1")}}));

  const Study study = read();
  const regression::RegressionViOptions& options = study.regression_vi;

  EXPECT_EQ(study.method, InferenceMethod::regression_vi);
  EXPECT_EQ(study.random_seed(), 5U);
  EXPECT_EQ(options.family, regression::FamilyChoice::mean_field);
  EXPECT_EQ(options.accuracy, 0.1);
  EXPECT_EQ(options.max_evaluations, 77);
  EXPECT_EQ(options.sample_size, 9);
  EXPECT_EQ(options.first_sample_size, std::nullopt);
  EXPECT_EQ(options.starts, 2);
  EXPECT_EQ(options.derivatives, regression::DerivativeUse::none);
  EXPECT_EQ(options.sampling_method, regression::SamplingMethod::mc);
  EXPECT_EQ(options.trust_radius, 2.5);
  EXPECT_EQ(options.num_draws, 10);
  EXPECT_EQ(options.transform_map, space::TransformMap::arctan);
  EXPECT_EQ(options.transform_interior_margin, 0.1);
  EXPECT_EQ(study.covariance_regularization(), 0.0);
}

TEST_F(StudyTest, ReportsProblemsOfAllBlocksAtOnce) {
  at("parameters").set("names", scalars({"a", "a"}));
  at("parameters.prior").set("std", scalar("-1"));
  at("observations").set("covariance", scalars({"1", "2"}));
  at("model").set("factor", scalar("0"));
  root.set("inference", map({{"sample_size", scalar("1")}}));
  root.set("evaluation", map({{"retries", scalar("x")}}));
  root.set("campain", map({}));

  const std::string text = message();

  for (const char* part : {"`parameters.names[1]`: expected each name once",
                           "`parameters.prior.std`: expected positive",
                           "`observations.covariance`: expected 3 numbers, found 2",
                           "`model.factor`: expected a number > 0, found `0`",
                           "`inference.sample_size`: expected a whole number",
                           "`evaluation.retries`: expected a whole number",
                           "`campain`: unknown key; did you mean `campaign`?"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(StudyTest, ChecksTheRestWhenTheNamesAreWrong) {
  at("parameters").set("names", scalar("a"));
  at("parameters.prior").set("std", scalar("0"));

  EXPECT_EQ(message(),
            "`parameters.names`: expected a list of names or {prefix: a, count: 64}, found `a`\n"
            "`parameters.prior.std`: expected positive standard deviations, found 0 at position 1");
}

TEST_F(StudyTest, SaysThatAnEmptyStudyIsEmpty) {
  root = Node{};
  root.where = {"study.yaml", 1, 1};

  EXPECT_THAT(message(), HasSubstr("study.yaml:1:1: the study is empty"));
}

TEST(DescribeStudy, FollowsTheOrderOfAStudy) {
  model::ModelRegistry registry;
  registry.add(echo_type());

  const std::vector<options::Description> all = describe_study(registry);

  std::vector<std::string> top;
  for (const options::Description& one : all) {
    if (one.path.find('.') == std::string::npos) {
      top.push_back(one.path);
    }
  }
  EXPECT_EQ(top, (std::vector<std::string>{"invar", "title", "parameters", "observations", "model",
                                           "inference", "evaluation", "campaign", "petsc"}));
  const auto factor =
      std::find_if(all.begin(), all.end(), [](const auto& d) { return d.path == "model.factor"; });
  ASSERT_NE(factor, all.end());
  EXPECT_EQ(factor->condition, "type: echo");
}

}  // namespace
}  // namespace invar::campaign
