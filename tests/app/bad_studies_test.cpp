// Every way in which a study can be wrong: the exit code it gives, the place it names, and the
// remedy it offers.
#include <algorithm>
#include <cctype>

#include "app/check.hpp"
#include "app/folder.hpp"
#include "app/sound_study.hpp"
#include "invar/core/error.hpp"
#include "invar/model_petsc/builtin_models.hpp"

namespace invar::app {
namespace {

using ::testing::HasSubstr;

/// One change of the sound study, and what must come of it.
struct BadStudy {
  std::string name;
  std::string replace;  // this piece of the sound study ...
  std::string with;     // ... is replaced by this; without a piece this is the whole study
  int exit_code;
  std::string place;   // of the message
  std::string remedy;  // what it says is expected
  std::vector<std::string> overrides = {};
};

void PrintTo(const BadStudy& bad, std::ostream* stream) {
  *stream << bad.name;
}

constexpr int usage = 64;
constexpr int data = 65;
constexpr int no_input = 66;
constexpr int config = 78;

BadStudy changed(const std::string& name, const std::string& replace, const std::string& with,
                 int exit_code, const std::string& place, const std::string& remedy) {
  return {name, replace, with, exit_code, place, remedy};
}

BadStudy overridden(const std::string& name, const std::vector<std::string>& overrides,
                    int exit_code, const std::string& place, const std::string& remedy) {
  return {name, "invar: 1", "invar: 1", exit_code, place, remedy, overrides};
}

std::vector<BadStudy> bad_files() {
  return {
      {"EmptyFile", "", "", config, "study.yaml:1:1", "`invar explain` says what belongs in it"},
      {"CommentsOnly", "", "# nothing\n", config, "study.yaml:1:1", "the study is empty"},
      {"AList", "", "- 1\n", config, "study.yaml:1:1", "expected keys with values"},
      {"AWord", "", "hello\n", config, "study.yaml:1:1", "expected keys with values"},
      {"BinaryFile", "", std::string("\x89HDF\r\n\x1a\n\0\0", 10), config, "study.yaml:", ""},
      changed("TwoDocuments", "invar: 1", "invar: 1\n---\ninvar: 1", config, "study.yaml:3:1",
              "expected one document"),
      changed("BadSyntax", "std: [1, 2]}", "std: [1, 2}", config,
              "study.yaml:6:", "this is no YAML"),
      changed("TabIndentation", "  units:", "\tunits:", config, "study.yaml:5:", "this is no YAML"),
      changed("DuplicateKey", "title: a", "invar: 1\ntitle: a", config, "study.yaml:2:1",
              "study.yaml:1:1 already; remove one"),
      changed("DuplicateNestedKey", "retries: 1", "retries: 1, retries: 2", config,
              "study.yaml:20:26", "remove one of them"),
      changed("UndefinedAlias", "[slope, level]", "*names", config, "study.yaml:4:10",
              "this is no YAML"),
      changed("MissingVersion", "invar: 1\n", "", config, "`invar`", "is required"),
      changed("WrongVersion", "invar: 1", "invar: 2", config, "study.yaml:1:8", "expected 1"),
      changed("VersionIsText", "invar: 1", "invar: one", config, "study.yaml:1:8",
              "expected a whole number"),
  };
}

std::vector<BadStudy> bad_keys() {
  return {
      changed("UnknownTopKey", "campaign:", "campain:", config, "study.yaml:21:1",
              "did you mean `campaign`?"),
      changed("UnknownParametersKey", "  units:", "  unit:", config, "study.yaml:5:3",
              "did you mean `units`?"),
      changed("UnknownPriorKey", "mean: [0, 1]", "means: [0, 1]", config, "study.yaml:6:29",
              "did you mean `mean`?"),
      changed("UnknownBoundsKey", "min: [-5", "mim: [-5", config, "study.yaml:7:12",
              "did you mean `min`?"),
      changed("UnknownObservationsKey", "  covariance:", "  covarience:", config, "study.yaml:10:3",
              "did you mean `covariance`?"),
      changed("UnknownFileKey", "columns: [y]", "column: [y]", config, "study.yaml:9:30",
              "did you mean `columns`?"),
      changed("UnknownModelKey", "  matrix:", "  matrx:", config, "study.yaml:13:3",
              "did you mean `matrix`?"),
      changed("UnknownInferenceKey", "  sample_size:", "  sampel_size:", config, "study.yaml:16:3",
              "did you mean `sample_size`?"),
      changed("UnknownInitialKey", "initial: {mean", "initial: {mena", config, "study.yaml:17:13",
              "did you mean `mean`?"),
      changed("UnknownOptimizerKey", "max_iterations", "max_iteration", config, "study.yaml:19:46",
              "did you mean `max_iterations`?"),
      changed("UnknownEvaluationKey", "retries: 1", "retrys: 1", config, "study.yaml:20:14",
              "did you mean `retries`?"),
      changed("UnknownCampaignKey", "restart_files_to_keep", "restart_files", config,
              "study.yaml:21:12", "known here: directory, restart_files_to_keep"),
      changed("MisplacedKey", "optimizer_config: {", "optimizer_config: {sample_size: 3, ", config,
              "study.yaml:19:22", "it belongs at `inference.sample_size`"),
      changed("KeyOfTheOtherOptimizer", "newton_metric", "gradient_method", config,
              "study.yaml:19:22", "optimizer_method"),
      overridden("MissingParameters", {"parameters="}, config, "command line: `parameters`",
                 "is required"),
      overridden("MissingObservations", {"observations="}, config, "`observations`", "is required"),
      overridden("MissingModel", {"model="}, config, "`model`", "is required"),
      changed("MissingNames", "  names: [slope, level]\n", "", config, "study.yaml:4:3",
              "`parameters.names`: is required"),
      changed("MissingPrior", "  prior: {family: diagonal, mean: [0, 1], std: [1, 2]}\n", "",
              config, "`parameters.prior`", "is required"),
      changed("MissingMean", "mean: [0, 1], ", "", config, "study.yaml:6:10",
              "`parameters.prior.mean`: is required"),
      changed("MissingStd", ", std: [1, 2]", "", config, "study.yaml:6:10",
              "one standard deviation per parameter"),
      changed("MissingCovariance", "  covariance: {std: 0.25}\n", "", config, "study.yaml:9:3",
              "`observations.covariance`: is required"),
      changed("MissingModelType", "  type: linear\n", "", config, "study.yaml:12:3",
              "expected one of linear, lotka_volterra, poisson"),
      changed("MissingMatrix", "  matrix: [[0, 1], [1, 1], [2, 1]]\n", "", config,
              "study.yaml:12:3", "`model.matrix`: is required"),
  };
}

std::vector<BadStudy> bad_types() {
  return {
      overridden("ParametersIsAList", {"parameters=[1]"}, config, "command line: `parameters`",
                 "expected keys with values, found a list of 1"),
      overridden("ParametersIsANumber", {"parameters=3"}, config, "command line: `parameters`",
                 "expected keys with values, found `3`"),
      overridden("ModelIsAWord", {"model=linear"}, config, "command line: `model`",
                 "expected keys such as {type: linear}"),
      overridden("InferenceIsAList", {"inference=[1]"}, config, "command line: `inference`",
                 "expected keys with values, found a list of 1"),
      overridden("TitleIsAList", {"title=[1]"}, config, "`title`", "expected text"),
      overridden("NamesIsAWord", {"parameters.names=slope"}, config, "`parameters.names`",
                 "expected a list of names or {prefix: a, count: 64}"),
      overridden("NamesIsEmpty", {"parameters.names=[]"}, config, "`parameters.names`",
                 "expected a list of names"),
      overridden("CountOfNamesIsZero", {"parameters.names={prefix: a, count: 0}"}, config,
                 "`parameters.names.count`", "expected a whole number in [1, 1000000]"),
      overridden("NumberIsText", {"inference.sample_size=many"}, config,
                 "command line: `inference.sample_size`", "expected a whole number"),
      overridden("NumberIsQuoted", {"inference.sample_size='16'"}, config,
                 "`inference.sample_size`", "expected a whole number"),
      overridden("MeanIsText", {"parameters.prior.mean=[0, x]"}, config,
                 "`parameters.prior.mean[1]`", "expected a number, found `x`"),
      overridden("MatrixIsRagged", {"model.matrix=[[0, 1], [1], [2, 1]]"}, config,
                 "`model.matrix[1]`", "expected a row of 2 numbers"),
      overridden("UnknownModel", {"model={type: liner}"}, config, "command line: `model.type`",
                 "did you mean `linear`?"),
      overridden("UnknownMethod", {"inference.method=hmc"}, config, "`inference.method`",
                 "expected regression_vi or run_vi"),
      overridden("UnknownFamily", {"parameters.prior.family=diag"}, config,
                 "`parameters.prior.family`", "expected one of diagonal, multivariate"),
      overridden("UnknownOptimizer", {"inference.optimizer_method=newtn"}, config,
                 "`inference.optimizer_method`", "did you mean `newton`?"),
      overridden("KeyOfTheOtherMethod",
                 {"inference.method=regression_vi", "inference.optimizer_method=newton"}, config,
                 "`inference.optimizer_method`",
                 "is no key of `method: regression_vi`; remove it or choose run_vi"),
      overridden("KeyOfRegressionVi", {"inference.accuracy=0.1"}, config, "`inference.accuracy`",
                 "remove it or choose regression_vi"),
      overridden("NegativeAccuracy", {"inference.method=regression_vi", "inference.accuracy=-1"},
                 config, "`inference.accuracy`", ">= 0"),
      overridden("NoStarts", {"inference.method=regression_vi", "inference.starts=0"}, config,
                 "`inference.starts`", "in [1,"),
      overridden("NoEvaluations", {"inference.method=regression_vi", "inference.max_evaluations=0"},
                 config, "`inference.max_evaluations`", "in [1,"),
      overridden("NoTrust", {"inference.method=regression_vi", "inference.trust_radius=0"}, config,
                 "`inference.trust_radius`", "> 0"),
  };
}

std::vector<BadStudy> bad_ranges() {
  const auto option = [](const std::string& name, const std::string& assignment,
                         const std::string& remedy) {
    return overridden(name, {assignment}, config,
                      "command line: `" + assignment.substr(0, assignment.find('=')) + "`", remedy);
  };
  return {
      option("SampleSizeOne", "inference.sample_size=1", "in [2,"),
      option("NegativeSeed", "inference.random_seed=-1", "expected a whole number"),
      option("MarginOneHalf", "inference.transform_interior_margin=0.5", "in [0, 0.5)"),
      option("NegativeRegularization", "inference.covariance_regularization=-1", ">= 0"),
      option("ZeroScaling", "inference.elbo_scaling_factor=0", "a number > 0, diag_mean"),
      option("NegativeElboTolerance", "inference.elbo_relative_tolerance=-0.1", ">= 0"),
      option("NegativeStdFraction", "inference.min_physical_variational_std_fraction=-1", ">= 0"),
      option("ZeroIterations", "inference.optimizer_config.max_iterations=0", "in [1,"),
      option("ZeroNewtonFloor", "inference.optimizer_config.newton_regularization=0", "> 0"),
      option("StdLimitsReversed", "inference.optimizer_config.max_variational_std=1e-9",
             "more than min_variational_std"),
      option("ZeroStep", "inference.line_search_config.initial_step_size=0", "> 0"),
      option("GrowthBelowOne", "inference.line_search_config.step_size_growth_factor=0.9", ">= 1"),
      option("ArmijoAboveOne", "inference.line_search_config.line_search_armijo_coefficient=2",
             "in [0, 1]"),
      option("WindowZero", "inference.line_search_config.line_search_nonmonotone_window=0",
             "in [1,"),
      option("InfiniteTolerance", "inference.optimizer_config.gradient_norm_tolerance=.inf",
             "expected a number"),
      option("ZeroConcurrency", "evaluation.concurrency=0", "expected auto or a whole number >= 1"),
      option("ZeroRanksPerModel", "evaluation.ranks_per_model=0", "in [1,"),
      option("ZeroTimeout", "evaluation.timeout_s=0", "> 0"),
      option("NegativeRetries", "evaluation.retries=-1", "in [0,"),
      option("UnknownFailurePolicy", "evaluation.on_failure=ignore", "expected one of drop, stop"),
      option("BudgetAboveOne", "evaluation.failure_budget=1.5", "in [0, 1]"),
      option("NoRestartFiles", "campaign.restart_files_to_keep=0", ">= 1"),
      option("NoSyncs", "campaign.fsync_interval_s=0", "in [0.001, 86400]"),
      option("NegativeSegments", "campaign.segment_seconds=-1", ">= 0"),
  };
}

std::vector<BadStudy> bad_spaces() {
  return {
      changed("DuplicateNames", "[slope, level]", "[slope, slope]", config, "study.yaml:4:18",
              "rename one of them"),
      changed("EmptyName", "[slope, level]", "[slope, '']", config, "study.yaml:4:18",
              "expected a name"),
      changed("TooManyUnits", "[m/s, m]", "[m/s, m, s]", config, "study.yaml:5:10",
              "expected 2 units, one per name, found 3"),
      changed("TooFewMeans", "mean: [0, 1]", "mean: [0]", config, "study.yaml:6:35",
              "expected 2 numbers, found 1"),
      changed("TooManyStds", "std: [1, 2]}\n  b", "std: [1, 2, 3]}\n  b", config, "study.yaml:6:48",
              "expected 2 numbers, found 3"),
      changed("ZeroStd", "std: [1, 2]}\n  b", "std: [1, 0]}\n  b", config, "study.yaml:6:48",
              "positive standard deviations, found 0 at position 2"),
      changed("NanMean", "mean: [0, 1]", "mean: [0, .nan]", config, "study.yaml:6:39",
              "expected a finite number"),
      changed("InfiniteStd", "std: [1, 2]}\n  b", "std: [1, .inf]}\n  b", config, "study.yaml:6:52",
              "expected a finite number"),
      changed("CovarianceOfADiagonalPrior", "std: [1, 2]}\n  b", "covariance: 1}\n  b", config,
              "study.yaml:6:55", "give `std`, or choose that family"),
      changed("StdOfAMultivariatePrior", "family: diagonal", "family: multivariate", config,
              "study.yaml:6:52", "give `covariance`, or choose that family"),
      overridden("PriorNotPositiveDefinite",
                 {"parameters.prior={family: multivariate, mean: 0, covariance: [[1, 2], [2, 1]]}",
                  "inference.initial="},
                 config, "command line: `parameters.prior.covariance`", "positive definite"),
      overridden(
          "PriorNotSymmetric",
          {"parameters.prior={family: multivariate, mean: 0, covariance: [[1, 0.5], [0, 1]]}",
           "inference.initial="},
          config, "command line: `parameters.prior.covariance`", "symmetric"),
      overridden("PriorOfTheWrongSize",
                 {"parameters.prior={family: multivariate, mean: 0, covariance: [[1, 0, 0], [0, 1, "
                  "0], [0, 0, 1]]}",
                  "inference.initial="},
                 config, "command line: `parameters.prior.covariance`",
                 "a matrix of 2 x 2, found 3 x 3"),
      changed("BoundsReversed", "max: [5, .inf]", "max: [-6, .inf]", config, "study.yaml:7:35",
              "expected max above min, found min -5 and max -6 for `slope`"),
      changed("BoundsEqual", "max: [5, .inf]", "max: [-5, .inf]", config, "study.yaml:7:35",
              "expected max above min"),
      changed("BoundIsNan", "min: [-5, -.inf]", "min: [-5, .nan]", config, "study.yaml:7:22",
              "expected a number, found `.nan`"),
      changed("TooManyBounds", "max: [5, .inf]", "max: [5, 6, 7]", config, "study.yaml:7:35",
              "expected 2 numbers, found 3"),
  };
}

std::vector<BadStudy> bad_starts() {
  return {
      changed("StartOutsideItsBounds", "mean: 0.5", "mean: [6, 0]", config, "study.yaml:17:19",
              "expected `slope` in (-4.99999, 4.99999), found 6"),
      overridden("StartInTheMargin",
                 {"inference.initial.mean=[4.5, 0]", "inference.transform_interior_margin=0.1"},
                 config, "`inference.initial.mean`", "expected `slope` in (-4, 4), found 4.5"),
      overridden("PriorMeanOutsideTheBounds",
                 {"parameters.prior.mean=[6, 0]", "inference.initial="}, config,
                 "`inference.initial.mean`", "the start (here the prior's mean) must lie inside"),
      changed("StartOfTheWrongSize", "mean: 0.5", "mean: [1, 2, 3]", config, "study.yaml:17:19",
              "expected 2 numbers, found 3"),
      changed("StartStdNegative", "std: [0.1, 0.2]", "std: [0.1, -0.2]", config, "study.yaml:17:29",
              "expected positive standard deviations"),
      changed("StartOfTheOtherFamily", "std: [0.1, 0.2]", "covariance: 1", config,
              "study.yaml:17:36", "the prior is diagonal and the start must be of the same family"),
      overridden("DiagonalStartOfAMultivariatePrior",
                 {"parameters.prior={family: multivariate, mean: 0, covariance: 1}"}, config,
                 "study.yaml:17:29", "the prior is multivariate"),
      overridden("StartNotPositiveDefinite",
                 {"parameters.prior={family: multivariate, mean: 0, covariance: 1}",
                  "inference.initial={covariance: [[1, 3], [3, 1]]}"},
                 config, "`inference.initial.covariance`", "positive definite"),
      changed("StartFromBoth", "initial: {", "initial: {from: ../other, ", config,
              "study.yaml:17:19", "expected either `from` or moments"),
      changed("RoundWithoutCampaign", "initial: {", "initial: {round: 3, ", config,
              "study.yaml:17:20", "give `from` too"),
      overridden("TooManyDimensionsForSobol",
                 {"parameters={names: {prefix: a, count: 3668}, prior: {mean: 0, std: 1}}",
                  "inference.sampling_method=rqmc",
                  "inference.initial=", "model={type: linear, matrix: {file: wide.csv}}"},
                 config, "command line: `inference.sampling_method`",
                 "at most 3667 parameters, found 3668; choose mc"),
  };
}

std::vector<BadStudy> bad_data() {
  return {
      changed("MissingFile", "in/obs.csv", "in/missing.csv", no_input, "study.yaml:9:18",
              "missing.csv`: No such file or directory"),
      changed("FileIsADirectory", "in/obs.csv", "in", no_input, "study.yaml:9:18",
              "Is a directory"),
      changed("FileIsEmpty", "in/obs.csv, columns: [y]", "empty.csv", data, "study.yaml:9:18",
              "expected numbers, found none"),
      changed("FileHasNoSuchColumn", "columns: [y]", "columns: [z]", data, "in/obs.csv:1",
              "no column `z` in the header line `t, y`"),
      changed("FileHoldsNan", "in/obs.csv", "nan.csv", data, "nan.csv:3",
              "expected a finite number in field 2, found `nan`"),
      changed("FileHoldsWords", "in/obs.csv", "words.csv", data, "words.csv:3", "found `missing`"),
      changed("FileIsRagged", "in/obs.csv", "ragged.csv", data, "ragged.csv:3",
              "expected 2 fields, found 1"),
      changed("FileIsForeign", "in/obs.csv, columns: [y]", "picture.png", data, "study.yaml:9:18",
              "picture.png: expected a text file, found binary data; name the `dataset` of an HDF5 "
              "file"),
      changed("LogOfNegativeData", "columns: [y]", "columns: [t], transform: log", data,
              "study.yaml:9:", "log needs positive numbers, found 0"),
      changed("UnknownTransform", "columns: [y]", "columns: [y], transform: ln", config,
              "study.yaml:9:", "expected log or none"),
      changed("NotAnHdf5File", "columns: [y]", "dataset: /y", data, "study.yaml:9:18",
              "in/obs.csv: "),
      changed("NanObservation", "{file: in/obs.csv, columns: [y]}", "[1, .nan, 3]", data,
              "study.yaml:9:15", "expected a finite number"),
      changed("NoObservations", "{file: in/obs.csv, columns: [y]}", "[]", data, "study.yaml:9:11",
              "expected numbers, found an empty list"),
      changed("NoiseOfTheWrongSize", "{std: 0.25}", "[1, 2]", data, "study.yaml:10:15",
              "expected 3 numbers, found 2"),
      changed("NoiseMatrixOfTheWrongSize", "{std: 0.25}", "[[1, 0], [0, 1]]", data,
              "study.yaml:10:15", "a matrix of 3 x 3, found 2 x 2"),
      changed("NoiseNotPositiveDefinite", "{std: 0.25}", "[[1, 2, 0], [2, 1, 0], [0, 0, 1]]", data,
              "study.yaml:10:15", "positive semi-definite"),
      changed("NoiseNotSymmetric", "{std: 0.25}", "[[1, 0, 0], [0.5, 1, 0], [0, 0, 1]]", data,
              "study.yaml:10:15", "symmetric"),
      changed("ZeroVariance", "{std: 0.25}", "[1, 0, 1]", data, "study.yaml:10:15",
              "expected a positive noise variance, found 0 for observation 2"),
      changed("NegativeStdOfNoise", "{std: 0.25}", "{std: -0.25}", data, "study.yaml:10:21",
              "expected positive standard deviations"),
      changed("NanCovariance", "{std: 0.25}", "[1, .nan, 1]", data, "study.yaml:10:19",
              "expected a finite number"),
      changed("OtherNumberOfObservationsThanTheModelGives", "[2, 1]]", "[2, 1], [3, 1]]", config,
              "`model.matrix`", "expected 3 x 2 (observations x parameters), found 4 x 2"),
      changed("OtherNumberOfParametersThanTheModelTakes", "[[0, 1], [1, 1], [2, 1]]",
              "[[0], [1], [2]]", config, "`model.matrix`", "found 3 x 1"),
  };
}

std::vector<BadStudy> bad_overrides() {
  return {
      overridden("OverrideWithoutValue", {"inference.sample_size"}, usage,
                 "--set inference.sample_size", "expected key=value"),
      overridden("OverrideWithoutKey", {"=3"}, usage, "--set =3", "expected key=value"),
      overridden("OverrideThroughAValue", {"title.x=3"}, usage, "--set title.x=3",
                 "which has no keys"),
      overridden("OverrideIsNoYaml", {"title=[1"}, usage, "--set title=[1", "this is no YAML"),
      overridden("OverrideOfAnUnknownKey", {"inference.sampel_size=3"}, config,
                 "command line: `inference.sampel_size`", "did you mean `sample_size`?"),
  };
}

std::vector<BadStudy> all_bad_studies() {
  std::vector<BadStudy> all;
  for (const auto& some : {bad_files(), bad_keys(), bad_types(), bad_ranges(), bad_spaces(),
                           bad_starts(), bad_data(), bad_overrides()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

/// Runs `invar check` on a study that may be changed.
Error check(const std::string& text, const std::vector<std::string>& overrides) {
  const test::Folder folder;
  folder.write("in/obs.csv", test::sound_data);
  folder.write("empty.csv", "");
  folder.write("nan.csv", "t,y\n0,1\n1,nan\n2,3\n");
  folder.write("words.csv", "t,y\n0,1\n1,missing\n2,3\n");
  folder.write("ragged.csv", "t,y\n0,1\n1\n2,3\n");
  folder.write("picture.png", std::string("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16));
  folder.write("wide.csv", "0\n");
  model::ModelRegistry registry;
  model_petsc::add_builtin_models(registry);
  try {
    check_text(folder.write("study.yaml", text), overrides, registry);
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::internal, "the study is sound"};
}

class BadStudies : public ::testing::TestWithParam<BadStudy> {};

TEST_P(BadStudies, NameThePlaceAndTheRemedy) {
  const BadStudy& bad = GetParam();
  std::string text = bad.with;
  if (!bad.replace.empty()) {
    text = test::sound_study;
    const std::size_t found = text.find(bad.replace);
    ASSERT_NE(found, std::string::npos) << "the sound study has no " << bad.replace;
    text.replace(found, bad.replace.size(), bad.with);
  }

  const Error error = check(text, bad.overrides);

  EXPECT_EQ(error.exit_code(), bad.exit_code) << error.what();
  EXPECT_THAT(error.what(), HasSubstr(bad.place));
  EXPECT_THAT(error.what(), HasSubstr(bad.remedy));
}

INSTANTIATE_TEST_SUITE_P(All, BadStudies, ::testing::ValuesIn(all_bad_studies()),
                         [](const auto& each) { return each.param.name; });

TEST(SeveralProblems, AreReportedAtOnceFromTopToBottom) {
  std::string text = test::sound_study;
  const auto change = [&text](const std::string& what, const std::string& with) {
    text.replace(text.find(what), what.size(), with);
  };
  change("std: [1, 2]", "std: [1]");
  change("std: 0.25", "std: 0");
  change("sample_size: 16", "sample_size: 1");
  change("retries: 1", "retrys: 1");

  const std::string message = check(text, {"campaign.restart_files_to_keep=0"}).what();

  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 4) << message;
  std::size_t last = 0;
  for (const char* place :
       {"study.yaml:6:48: `parameters.prior.std`",
        "study.yaml:10:21: `observations.covariance.std`",
        "study.yaml:16:16: `inference.sample_size`", "study.yaml:20:14: `evaluation.retrys`",
        "command line: `campaign.restart_files_to_keep`"}) {
    const std::size_t found = message.find(place);
    ASSERT_NE(found, std::string::npos) << place << " is not in\n" << message;
    EXPECT_GE(found, last);
    last = found;
  }
}

TEST(SeveralProblems, OfDifferentKindsExitAsBadConfiguration) {
  std::string text = test::sound_study;
  text.replace(text.find("in/obs.csv"), 10, "in/missing");

  EXPECT_EQ(check(text, {}).exit_code(), no_input);
  EXPECT_EQ(check(text, {"inference.sample_size=1"}).exit_code(), config);
}

TEST(MissingStudy, IsMissingInput) {
  const model::ModelRegistry registry;
  try {
    check_text("/nowhere/study.yaml", {}, registry);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), no_input);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/study.yaml`: No such file or directory"));
  }
}

}  // namespace
}  // namespace invar::app
