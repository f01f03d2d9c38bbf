#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "invar/model/model.hpp"
#include "support/nodes.hpp"

namespace invar::model {
namespace {

struct ScaleOptions {
  double factor = 2.0;
};

class ScaleModel final : public Model {
 public:
  ScaleModel(double factor, const ProblemSizes& sizes) : factor_(factor), sizes_(sizes) {}
  [[nodiscard]] Eigen::Index num_parameters() const override { return sizes_.num_parameters; }
  [[nodiscard]] Eigen::Index num_qois() const override { return sizes_.num_parameters; }
  ModelResult evaluate(const ModelRequest& request) override {
    return {.status = Status::ok, .message = {}, .qois = factor_ * request.parameters};
  }

 private:
  double factor_;
  ProblemSizes sizes_;
};

ModelType scale_type() {
  static const options::Table<ScaleOptions> table(
      {options::real("factor", &ScaleOptions::factor, options::Range::any(), "the factor")});
  return make_model_type<ScaleOptions>(
      "scale", "q = factor x", table,
      [](const ScaleOptions& values, const ProblemSizes& sizes, MPI_Comm) {
        return std::make_unique<ScaleModel>(values.factor, sizes);
      },
      [](const ScaleOptions& values, const ProblemSizes& sizes) {
        std::vector<OptionProblem> problems;
        if (values.factor == 0.0 && sizes.num_parameters > 0) {
          problems.push_back({"factor", "nothing is left of the parameters"});
        }
        return problems;
      });
}

options::Node map_with(const std::string& key, const std::string& text) {
  return test::map({{"type", test::scalar("scale")}, {key, test::scalar(text)}});
}

struct Reading {
  std::vector<options::Problem> problems;
  ModelFactory factory;
  options::Node resolved;
};

Reading read(const options::Node& node, const ProblemSizes& sizes) {
  test::MemoryFiles files;
  options::Reader reader(files);
  const options::Cursor at{.node = &node, .path = "model", .parent = {}, .reader = &reader};
  Reading reading;
  reading.factory = scale_type().read(at, sizes, reading.resolved);
  reading.problems = reader.problems();
  return reading;
}

TEST(ModelRegistry, FindsWhatWasAddedAndNothingElse) {
  ModelRegistry registry;

  registry.add(scale_type());

  ASSERT_NE(registry.find("scale"), nullptr);
  EXPECT_EQ(registry.find("scale")->help, "q = factor x");
  EXPECT_EQ(registry.find("scales"), nullptr);
  EXPECT_EQ(registry.types().size(), 1U);
}

TEST(ModelRegistryDeathTest, EndsOnTheSameNameTwice) {
  ModelRegistry registry;
  registry.add(scale_type());

  EXPECT_DEATH(registry.add(scale_type()), "find\\(type.name\\)");
}

TEST(ModelType, MakesTheModelWithItsOptions) {
  const Reading reading = read(map_with("factor", "3"), {.num_parameters = 2, .num_qois = 2});

  ASSERT_TRUE(reading.problems.empty());
  const std::unique_ptr<Model> model = reading.factory(MPI_COMM_SELF);
  EXPECT_EQ(model->evaluate(Eigen::VectorXd(Eigen::Vector2d(1, 2))).qois, Eigen::Vector2d(3, 6));
  ASSERT_NE(reading.resolved.find("factor"), nullptr);
  EXPECT_EQ(reading.resolved.find("factor")->scalar, "3");
}

TEST(ModelType, ExplainsItsKeys) {
  const ModelType type = scale_type();

  ASSERT_EQ(type.keys.size(), 1U);
  EXPECT_EQ(type.keys[0].path, "factor");
  EXPECT_EQ(type.keys[0].default_text, "2");
}

TEST(ModelType, ReportsAProblemOfTheSizesAtItsKey) {
  const Reading reading = read(map_with("factor", "0"), {.num_parameters = 2, .num_qois = 2});

  ASSERT_EQ(reading.problems.size(), 1U);
  EXPECT_EQ(reading.problems[0].path, "model.factor");
  EXPECT_EQ(reading.problems[0].message, "nothing is left of the parameters");
}

TEST(ModelType, DoesNotCompareWithSizesThatAreUnknown) {
  EXPECT_TRUE(read(map_with("factor", "0"), {}).problems.empty());
}

TEST(ModelType, ChecksNoFurtherWhenAKeyIsWrong) {
  const Reading reading = read(map_with("factor", "two"), {.num_parameters = 2, .num_qois = 2});

  ASSERT_EQ(reading.problems.size(), 1U);
  EXPECT_EQ(reading.problems[0].path, "model.factor");
}

}  // namespace
}  // namespace invar::model
