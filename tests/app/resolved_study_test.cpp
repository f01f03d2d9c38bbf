// The study that a campaign keeps: every value with its origin, and the same study when it is read
// again from the campaign's own copies.
#include "app/folder.hpp"
#include "app/overrides.hpp"
#include "app/sound_study.hpp"
#include "app/study_files.hpp"
#include "app/yaml.hpp"
#include "invar/campaign/study.hpp"
#include "invar/model_petsc/builtin_models.hpp"

namespace invar::app {
namespace {

using campaign::Study;

class ResolvedStudy : public ::testing::Test {
 protected:
  ResolvedStudy() { model_petsc::add_builtin_models(registry); }

  Study read(const std::string& text, const std::vector<std::string>& overrides = {}) {
    DiskFiles files(folder.path());
    const Study study =
        campaign::read_study(parse_study(text, "study.yaml", overrides), files, registry);
    copies = files.copies();
    return study;
  }

  /// Writes what a campaign keeps, and reads it from there.
  Study read_again(const Study& study) {
    for (const auto& [path, copy] : copies) {
      folder.write("campaign/" + copy.stored_name, copy.bytes);
    }
    DiskFiles files(folder.path() / "campaign");
    return campaign::read_study(parse_yaml(yaml_text(study.resolved), "campaign/study.yaml"), files,
                                registry);
  }

  static void expect_same(const Study& a, const Study& b) {
    EXPECT_EQ(a.title, b.title);
    EXPECT_EQ(a.space.names, b.space.names);
    EXPECT_EQ(a.space.units, b.space.units);
    EXPECT_EQ(a.space.prior.family(), b.space.prior.family());
    EXPECT_EQ(a.space.prior.mean(), b.space.prior.mean());
    EXPECT_EQ(a.space.prior.covariance(), b.space.prior.covariance());
    EXPECT_EQ(a.space.bounds.min(), b.space.bounds.min());
    EXPECT_EQ(a.space.bounds.max(), b.space.bounds.max());
    EXPECT_EQ(a.observations.values, b.observations.values);
    EXPECT_EQ(a.observations.noise.covariance(), b.observations.noise.covariance());
    EXPECT_EQ(a.model_type, b.model_type);
    ASSERT_EQ(a.initial.distribution.has_value(), b.initial.distribution.has_value());
    if (a.initial.distribution) {
      EXPECT_EQ(a.initial.distribution->mean(), b.initial.distribution->mean());
      EXPECT_EQ(a.initial.distribution->covariance(), b.initial.distribution->covariance());
    }
    EXPECT_EQ(a.initial.from, b.initial.from);
    EXPECT_EQ(a.initial.from_round, b.initial.from_round);
    EXPECT_TRUE(a.resolved.same_value(b.resolved)) << yaml_text(a.resolved) << "\n---\n"
                                                   << yaml_text(b.resolved);
  }

  test::Folder folder;
  model::ModelRegistry registry;
  FileCopies copies;
};

TEST_F(ResolvedStudy, ReadsBackAsTheSameStudy) {
  folder.write("in/obs.csv", test::sound_data);
  const Study study = read(test::sound_study, {"inference.random_seed=7"});

  const Study again = read_again(study);

  expect_same(study, again);
  EXPECT_EQ(again.run_vi.random_seed, 7U);
  EXPECT_EQ(again.run_vi.sample_size, 16);
}

TEST_F(ResolvedStudy, KnowsEveryOrigin) {
  folder.write("in/obs.csv", test::sound_data);

  const std::string text = yaml_text(read(test::sound_study, {"inference.random_seed=7"}).resolved);

  for (const char* line :
       {"invar: 1  # file\n", "title: \"a line through three points\"  # file\n",
        "  names: [slope, level]  # file\n", "    family: diagonal  # file\n",
        "    covariance: null  # default\n", "    file: data/obs.csv  # file\n",
        "    std: 0.25  # file\n", "  matrix:  # file\n    - [0, 1]\n", "  offset: 0  # default\n",
        "  random_seed: 7  # command line\n", "  sample_size: 16  # file\n",
        "  sampling_method: mc  # default\n", "    newton_metric: natural  # file\n",
        "    newton_regularization: 0.01  # default\n", "    max_step_size: .inf  # default\n",
        "  concurrency: auto  # default\n", "  directory: \"campaign\"  # default\n"}) {
    EXPECT_THAT(text, ::testing::HasSubstr(line));
  }
}

TEST_F(ResolvedStudy, KeepsFilesOfTheSameNameApart) {
  folder.write("a/x.csv", "1.5\n2.5\n");
  folder.write("b/x.csv", "4 1\n1 3\n");
  folder.write("c/x.csv", "0.1\n0.2\n");
  const Study study = read(R"(invar: 1
parameters:
  names: {prefix: a, count: 2}
  prior: {family: multivariate, mean: 1, covariance: {file: b/x.csv}}
observations:
  values: {file: a/x.csv, transform: log}
  covariance: {std: {file: c/x.csv}}
model: {type: linear, matrix: [[1, 0], [0, 1]], offset: [0.5, 1]}
inference: {initial: {covariance: {std: 0.125}}}
)");

  EXPECT_EQ(study.space.names, (std::vector<std::string>{"a1", "a2"}));
  EXPECT_EQ(study.space.prior.family(), space::GaussianFamily::multivariate);
  EXPECT_DOUBLE_EQ(study.observations.values[0], std::log(1.5));
  EXPECT_DOUBLE_EQ(study.observations.noise.variances()[1], 0.04);
  EXPECT_EQ(study.initial.distribution->mean(), study.space.prior.mean());
  EXPECT_DOUBLE_EQ(study.initial.distribution->std()[0], 0.125);
  EXPECT_EQ(copies.size(), 3U);
  expect_same(study, read_again(study));
}

TEST_F(ResolvedStudy, KeepsTheStartFromAnotherCampaign) {
  folder.write("in/obs.csv", test::sound_data);
  const Study study = read(test::sound_study, {"inference.initial={from: ../other, round: 12}"});

  EXPECT_EQ(study.initial.from, "../other");
  EXPECT_EQ(study.initial.from_round, 12);
  expect_same(study, read_again(study));
}

}  // namespace
}  // namespace invar::app
