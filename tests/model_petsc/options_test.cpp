// What the study may say of the built-in models, and what is answered when it is wrong.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <mpi.h>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/model_petsc/builtin_models.hpp"
#include "support/petsc_environment.hpp"

namespace invar::model_petsc {
namespace {

using options::Node;

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

/// Files that exist in memory alone.
class MemoryFiles final : public options::Files {
 public:
  const std::string& bytes(const std::string& path) override {
    const auto found = texts.find(path);
    if (found == texts.end()) {
      throw Error(ErrorKind::no_input, "cannot read " + path);
    }
    return found->second;
  }
  Eigen::MatrixXd dataset(const std::string& path, const std::string& name) override {
    const auto found = datasets.find(path + name);
    if (found == datasets.end()) {
      throw Error(ErrorKind::no_input, "cannot read " + name + " of " + path);
    }
    return found->second;
  }
  std::string stored_name(const std::string& path) override { return "data/" + path; }

  std::map<std::string, std::string> texts;
  std::map<std::string, Eigen::MatrixXd> datasets;
};

Node scalar(const std::string& text) {
  Node node = Node::make_scalar(text);
  node.where = {.file = "study.yaml", .line = 7, .column = 3};
  return node;
}

Node quoted(const std::string& text) {
  Node node = scalar(text);
  node.is_quoted = true;
  return node;
}

Node list(const std::vector<std::string>& texts) {
  Node node = Node::make_sequence();
  node.where = {.file = "study.yaml", .line = 7, .column = 3};
  for (const std::string& text : texts) {
    node.items.push_back(scalar(text));
  }
  return node;
}

Node rows(const std::vector<std::vector<std::string>>& texts) {
  Node node = list({});
  for (const std::vector<std::string>& row : texts) {
    node.items.push_back(list(row));
  }
  return node;
}

Node map(const std::vector<std::pair<std::string, Node>>& entries) {
  Node node = Node::make_map();
  node.where = {.file = "study.yaml", .line = 5, .column = 1};
  for (const auto& [key, value] : entries) {
    node.set(key, value);
  }
  return node;
}

struct Reading {
  std::vector<options::Problem> problems;
  std::unique_ptr<model::Model> model;  // none when there are problems
  Node resolved;
};

class BuiltInModelOptions : public ::testing::Test {
 protected:
  BuiltInModelOptions() { add_builtin_models(registry); }

  Reading read(const std::string& type, const std::vector<std::pair<std::string, Node>>& entries,
               const model::ProblemSizes& sizes) {
    std::vector<std::pair<std::string, Node>> all = {{"type", scalar(type)}};
    all.insert(all.end(), entries.begin(), entries.end());
    const Node node = map(all);
    options::Reader reader(files);
    const options::Cursor at{.node = &node, .path = "model", .parent = {}, .reader = &reader};
    Reading reading;
    const model::ModelFactory factory = registry.find(type)->read(at, sizes, reading.resolved);
    reading.problems = reader.problems();
    if (reading.problems.empty()) {
      reading.model = factory(MPI_COMM_SELF);
    }
    return reading;
  }

  /// "model.k at study.yaml:7:3: ...", or "" when nothing is wrong.
  std::string problem_of(const std::string& type,
                         const std::vector<std::pair<std::string, Node>>& entries,
                         const model::ProblemSizes& sizes) {
    const Reading reading = read(type, entries, sizes);
    EXPECT_LE(reading.problems.size(), 1U);
    if (reading.problems.empty()) {
      return "";
    }
    const options::Problem& problem = reading.problems[0];
    return problem.path + " at " + problem.where.text() + ": " + problem.message;
  }

  MemoryFiles files;
  model::ModelRegistry registry;
};

TEST_F(BuiltInModelOptions, AreThreeTypes) {
  ASSERT_EQ(registry.types().size(), 3U);
  for (const char* const name : {"linear", "lotka_volterra", "poisson"}) {
    ASSERT_NE(registry.find(name), nullptr) << name;
    EXPECT_FALSE(registry.find(name)->help.empty()) << name;
    for (const options::Description& key : registry.find(name)->keys) {
      EXPECT_FALSE(key.help.empty()) << name << "." << key.path;
      EXPECT_FALSE(key.default_text.empty()) << name << "." << key.path;
    }
  }
}

// linear

TEST_F(BuiltInModelOptions, LinearTakesItsMatrixInPlace) {
  const Reading reading = read(
      "linear", {{"matrix", rows({{"1", "2"}, {"3", "4"}, {"5", "6"}})}, {"offset", scalar("10")}},
      {.num_parameters = 2, .num_qois = 3});

  ASSERT_TRUE(reading.problems.empty());
  EXPECT_EQ(reading.model->evaluate(Eigen::Vector2d(1, 1)).qois, Eigen::Vector3d(13, 17, 21));
}

TEST_F(BuiltInModelOptions, LinearTakesItsMatrixAndOffsetFromFiles) {
  files.texts["b.csv"] = "b\n1\n2\n";
  files.datasets["g.h5/G"] = (Eigen::MatrixXd(2, 1) << 3, 4).finished();

  const Reading reading =
      read("linear",
           {{"matrix", map({{"file", scalar("g.h5")}, {"dataset", scalar("/G")}})},
            {"offset", map({{"file", scalar("b.csv")}})}},
           {.num_parameters = 1, .num_qois = 2});

  ASSERT_TRUE(reading.problems.empty());
  EXPECT_EQ(reading.model->evaluate(Eigen::VectorXd::Ones(1)).qois, Eigen::Vector2d(4, 6));
  EXPECT_EQ(reading.resolved.find_path("matrix.file")->scalar, "data/g.h5");
}

TEST_F(BuiltInModelOptions, LinearNeedsAMatrix) {
  EXPECT_NE(problem_of("linear", {}, {.num_parameters = 2, .num_qois = 3})
                .find("model.matrix at study.yaml:5:1: is required"),
            std::string::npos);
}

TEST_F(BuiltInModelOptions, LinearRefusesAMatrixOfAnotherShape) {
  EXPECT_EQ(
      problem_of("linear", {{"matrix", rows({{"1", "2", "3"}, {"4", "5", "6"}})}},
                 {.num_parameters = 2, .num_qois = 3}),
      "model.matrix at study.yaml:7:3: expected 3 x 2 (observations x parameters), found 2 x 3");
}

TEST_F(BuiltInModelOptions, LinearRefusesAnOffsetOfAnotherLength) {
  EXPECT_EQ(
      problem_of("linear", {{"matrix", rows({{"1"}, {"2"}, {"3"}})}, {"offset", list({"1", "2"})}},
                 {.num_parameters = 1, .num_qois = 3}),
      "model.offset at study.yaml:7:3: expected 1 or 3 numbers, found 2");
}

TEST_F(BuiltInModelOptions, LinearRefusesAnOffsetOfRows) {
  EXPECT_NE(
      problem_of("linear",
                 {{"matrix", rows({{"1"}, {"2"}})}, {"offset", rows({{"1", "2"}, {"3", "4"}})}},
                 {.num_parameters = 1, .num_qois = 2})
          .find("model.offset at study.yaml:7:3: expected one number per QoI"),
      std::string::npos);
}

TEST_F(BuiltInModelOptions, LinearRefusesInfinity) {
  EXPECT_NE(
      problem_of("linear", {{"matrix", rows({{".inf"}})}}, {.num_parameters = 1, .num_qois = 1}),
      "");
  EXPECT_NE(problem_of("linear", {{"matrix", rows({{"1"}})}, {"offset", list({".nan"})}},
                       {.num_parameters = 1, .num_qois = 1}),
            "");
}

// lotka_volterra

TEST_F(BuiltInModelOptions, LotkaVolterraObservesEveryYearWhereNoTimesAreGiven) {
  const Reading reading = read("lotka_volterra", {}, {.num_parameters = 6, .num_qois = 10});
  const Reading explicit_times =
      read("lotka_volterra", {{"times", list({"0", "1", "2", "3", "4"})}},
           {.num_parameters = 6, .num_qois = 10});

  ASSERT_TRUE(reading.problems.empty());
  ASSERT_TRUE(explicit_times.problems.empty());
  const Eigen::VectorXd x = Eigen::VectorXd::Constant(6, -0.5);
  EXPECT_EQ(reading.model->num_qois(), 10);
  EXPECT_EQ(reading.model->evaluate(x).qois, explicit_times.model->evaluate(x).qois);
}

TEST_F(BuiltInModelOptions, LotkaVolterraTakesItsTimesFromAFile) {
  files.texts["t.csv"] = "year\n0.5\n2\n";

  const Reading reading = read("lotka_volterra", {{"times", map({{"file", scalar("t.csv")}})}},
                               {.num_parameters = 6, .num_qois = 4});

  ASSERT_TRUE(reading.problems.empty());
  EXPECT_EQ(reading.model->num_qois(), 4);
  EXPECT_EQ(reading.resolved.find_path("times.file")->scalar, "data/t.csv");
}

TEST_F(BuiltInModelOptions, LotkaVolterraRefusesAnOddNumberOfObservations) {
  EXPECT_EQ(problem_of("lotka_volterra", {}, {.num_parameters = 6, .num_qois = 41}),
            "model.times at study.yaml:5:1: log u and log v at each time make an even number of "
            "QoIs; the study has 41 observations");
}

TEST_F(BuiltInModelOptions, LotkaVolterraRefusesTimesThatDoNotMatchTheObservations) {
  EXPECT_EQ(problem_of("lotka_volterra", {{"times", list({"0", "1", "2"})}},
                       {.num_parameters = 6, .num_qois = 42}),
            "model.times at study.yaml:7:3: 3 times make 6 QoIs; the study has 42 observations");
}

TEST_F(BuiltInModelOptions, LotkaVolterraRefusesTimesThatDoNotIncrease) {
  const model::ProblemSizes sizes{.num_parameters = 6, .num_qois = 4};
  EXPECT_EQ(problem_of("lotka_volterra", {{"times", list({"2", "2"})}}, sizes),
            "model.times at study.yaml:7:3: expected increasing times from 0 on, found 2 after 2");
  EXPECT_EQ(problem_of("lotka_volterra", {{"times", list({"-1", "2"})}}, sizes),
            "model.times at study.yaml:7:3: expected increasing times from 0 on, found -1 after 0");
}

TEST_F(BuiltInModelOptions, LotkaVolterraRefusesRowsOfTimes) {
  EXPECT_EQ(problem_of("lotka_volterra", {{"times", rows({{"0", "1"}, {"2", "3"}})}},
                       {.num_parameters = 6, .num_qois = 4}),
            "model.times at study.yaml:7:3: expected a list of times, found 2 rows of 2");
}

TEST_F(BuiltInModelOptions, LotkaVolterraRefusesToleranceAndStepsOutOfRange) {
  const model::ProblemSizes sizes{.num_parameters = 6, .num_qois = 4};
  EXPECT_NE(problem_of("lotka_volterra", {{"tolerance", scalar("-1e-8")}}, sizes)
                .find("model.tolerance at study.yaml:7:3: expected a number in"),
            std::string::npos);
  EXPECT_NE(problem_of("lotka_volterra", {{"max_steps", scalar("0")}}, sizes)
                .find("model.max_steps at study.yaml:7:3: expected a whole number in"),
            std::string::npos);
}

TEST_F(BuiltInModelOptions, LotkaVolterraRefusesAnotherNumberOfParameters) {
  EXPECT_NE(problem_of("lotka_volterra", {}, {.num_parameters = 5, .num_qois = 4})
                .find("model.type at study.yaml:7:3: lotka_volterra has 6 parameters"),
            std::string::npos);
}

// poisson

TEST_F(BuiltInModelOptions, PoissonIsTheBenchmarkWhereNothingIsGiven) {
  const Reading reading = read("poisson", {}, {.num_parameters = 64, .num_qois = 169});

  ASSERT_TRUE(reading.problems.empty());
  EXPECT_EQ(reading.model->num_parameters(), 64);
  EXPECT_EQ(reading.model->num_qois(), 169);
  EXPECT_EQ(reading.resolved.find("points")->scalar, "13");
}

TEST_F(BuiltInModelOptions, PoissonTakesPointsAsACountAsRowsAndFromAFile) {
  files.texts["points.csv"] = "x,y\n0.5,0.5\n0.25,0.75\n";
  const std::vector<std::pair<std::string, Node>> small = {{"n", scalar("4")}, {"k", scalar("1")}};
  const auto with_points = [&](const Node& points) {
    auto entries = small;
    entries.emplace_back("points", points);
    return entries;
  };

  const Reading count =
      read("poisson", with_points(scalar("1")), {.num_parameters = 1, .num_qois = 1});
  const Reading in_place = read("poisson", with_points(rows({{"0.5", "0.5"}, {"0.25", "0.75"}})),
                                {.num_parameters = 1, .num_qois = 2});
  const Reading in_file = read("poisson", with_points(map({{"file", scalar("points.csv")}})),
                               {.num_parameters = 1, .num_qois = 2});

  ASSERT_TRUE(count.problems.empty() && in_place.problems.empty() && in_file.problems.empty());
  const Eigen::VectorXd x = Eigen::VectorXd::Zero(1);
  const Eigen::VectorXd u = in_place.model->evaluate(x).qois;
  EXPECT_EQ(count.model->evaluate(x).qois[0], u[0]);
  EXPECT_EQ(in_file.model->evaluate(x).qois, u);
  EXPECT_EQ(in_file.resolved.find_path("points.file")->scalar, "data/points.csv");
}

TEST_F(BuiltInModelOptions, PoissonRefusesBlocksThatDoNotDivideTheGrid) {
  EXPECT_EQ(problem_of("poisson", {{"n", scalar("32")}, {"k", scalar("5")}},
                       {.num_parameters = 25, .num_qois = 169}),
            "model.k at study.yaml:7:3: expected a divisor of n = 32, found 5");
}

TEST_F(BuiltInModelOptions, PoissonRefusesAnotherNumberOfParameters) {
  EXPECT_EQ(problem_of("poisson", {}, {.num_parameters = 63, .num_qois = 169}),
            "model.k at study.yaml:5:1: k = 8 makes k x k = 64 parameters; the study has 63");
}

TEST_F(BuiltInModelOptions, PoissonRefusesAnotherNumberOfObservations) {
  EXPECT_EQ(problem_of("poisson", {}, {.num_parameters = 64, .num_qois = 168}),
            "model.points at study.yaml:5:1: 169 points make as many QoIs; the study has 168 "
            "observations");
}

TEST_F(BuiltInModelOptions, PoissonRefusesPointsOutsideTheSquare) {
  EXPECT_EQ(
      problem_of("poisson", {{"points", rows({{"0.5", "0.5"}, {"0.5", "1.01"}})}},
                 {.num_parameters = 64, .num_qois = 2}),
      "model.points at study.yaml:7:3: expected points in the unit square, found [0.5, 1.01]");
}

TEST_F(BuiltInModelOptions, PoissonRefusesPointsThatAreNotPairs) {
  EXPECT_EQ(problem_of("poisson", {{"points", list({"0.5", "0.5"})}},
                       {.num_parameters = 64, .num_qois = 2}),
            "model.points at study.yaml:7:3: expected a whole number or rows of [x, y], found 2 "
            "rows of 1");
  EXPECT_NE(problem_of("poisson", {{"points", scalar("0")}}, {.num_parameters = 64, .num_qois = 1})
                .find("expected a whole number in [1, 10000]"),
            std::string::npos);
}

TEST_F(BuiltInModelOptions, PoissonRefusesNumbersOutOfRange) {
  const model::ProblemSizes sizes{.num_parameters = 64, .num_qois = 169};
  for (const auto& [key, text] :
       std::vector<std::pair<std::string, std::string>>{{"n", "1"},
                                                        {"n", "32.5"},
                                                        {"k", "0"},
                                                        {"tolerance", "-1"},
                                                        {"tolerance", "0"},
                                                        {"source", ".nan"}}) {
    const std::string problem = problem_of("poisson", {{key, scalar(text)}}, sizes);

    EXPECT_EQ(problem.rfind("model." + key + " at study.yaml:7:3: expected a", 0), 0U)
        << key << ": " << text << ": " << problem;
  }
}

TEST_F(BuiltInModelOptions, PoissonRefusesSolverOptionsWithoutADash) {
  EXPECT_EQ(problem_of("poisson", {{"petsc_options", quoted("ksp_type cg")}},
                       {.num_parameters = 64, .num_qois = 169}),
            "model.petsc_options at study.yaml:7:3: expected names with a dash, such as "
            "\"-pc_type gamg\", found `ksp_type cg`");
}

TEST_F(BuiltInModelOptions, SizesThatTheStudyDoesNotKnowAreNotCompared) {
  EXPECT_EQ(problem_of("poisson", {{"n", scalar("4")}, {"k", scalar("2")}}, {}), "");
  EXPECT_EQ(problem_of("linear", {{"matrix", rows({{"1", "2"}})}}, {}), "");
  EXPECT_EQ(problem_of("lotka_volterra", {{"times", list({"1"})}}, {}), "");
}

TEST_F(BuiltInModelOptions, UnknownKeysAreRefused) {
  EXPECT_NE(problem_of("poisson", {{"toleranse", scalar("1e-8")}},
                       {.num_parameters = 64, .num_qois = 169})
                .find("did you mean `tolerance`?"),
            std::string::npos);
}

}  // namespace
}  // namespace invar::model_petsc
