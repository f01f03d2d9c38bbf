// Studies with plugins through the program.
#include "support/program.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace invar::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* matrix = "matrix: [[1, 2], [0, 1], [2, -1]]";

class PluginStudy : public ::testing::Test {
 protected:
  PluginStudy() {
    fs::copy(PLUGINS "liblinear.so", folder_ / "liblinear.so");
    write_file(folder_ / "study.yaml", study("{}"));
    write_file(folder_ / "linked.yaml", study(""));
  }

  /// The same inversion through the linked-in model (where `fault` is "") and the plugin.
  static std::string study(const std::string& fault) {
    const std::string model =
        fault.empty() ? fmt::format("{{type: linear, {}}}", matrix)
                      : fmt::format("{{type: plugin, library: ./liblinear.so, options: {{{}{}}}}}",
                                    matrix, fault == "{}" ? "" : ", " + fault);
    return "invar: 1\n"
           "parameters:\n"
           "  names: [a, b]\n"
           "  prior: {family: diagonal, mean: 1, std: 0.5}\n"
           "observations:\n"
           "  values: [2.5, 1.1, 0.8]\n"
           "  covariance: {std: 0.1}\n"
           "inference:\n"
           "  method: run_vi\n"
           "  random_seed: 3\n"
           "  sample_size: 16\n"
           "  optimizer_config: {gradient_method: natural, max_iterations: 5}\n"
           "  line_search_config: {initial_step_size: 0.1, max_step_size: 0.5}\n"
           "model: " +
           model + "\n";
  }

  ProgramResult invar(const std::string& arguments, int num_ranks = 1) {
    return run_shell("sh -c 'cd " + folder_.path().string() + " && exec " +
                     on_ranks(num_ranks, std::string(INVAR_BINARY_DIR) + "/bin/invar") + " " +
                     arguments + "'");
  }

  json show(const std::string& campaign) {
    return json::parse(invar("show " + campaign + " --json").out);
  }

  /// A byte more at the end, which the loader does not look at.
  void rebuild_library() { std::ofstream(folder_ / "liblinear.so", std::ios::app) << "x"; }

  ScratchFolder folder_;
};

TEST_F(PluginStudy, GivesThePosteriorOfTheLinkedInModel) {
  ASSERT_EQ(invar("run linked.yaml --campaign linked").exit_code, 0);
  const json expected = show("linked");
  struct Way {
    int num_ranks;
    const char* more;
  };
  for (const Way& way : {Way{1, ""}, Way{3, " --set evaluation.ranks_per_model=2"},
                         Way{2, " --set model.isolation=process"}}) {
    fs::remove_all(folder_ / "campaign");

    const ProgramResult run = invar(fmt::format("run study.yaml{}", way.more), way.num_ranks);

    ASSERT_EQ(run.exit_code, 0) << run.err;
    const json found = show("campaign");
    EXPECT_EQ(found.at("evaluations"), expected.at("evaluations"));
    for (const char* what : {"mean", "std"}) {
      for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_NEAR(found.at("posterior").at(what).at(i).get<double>(),
                    expected.at("posterior").at(what).at(i).get<double>(), 1e-12)
            << what << way.more;
      }
    }
  }
}

TEST_F(PluginStudy, KeepsTheAbsolutePathAndTheChecksum) {
  ASSERT_EQ(invar("run study.yaml --stop-after 1").exit_code, 75);

  const std::string kept = read_file(folder_ / "campaign/study.yaml");

  EXPECT_THAT(kept, HasSubstr("library: \"" + (folder_ / "liblinear.so").string() + "\""));
  EXPECT_THAT(kept, HasSubstr("library_checksum: "));
  EXPECT_EQ(invar("resume campaign").exit_code, 0);
  EXPECT_EQ(invar("replay campaign 3").exit_code, 0);
}

TEST_F(PluginStudy, OfAnotherLibraryDoesNotGoOn) {
  ASSERT_EQ(invar("run study.yaml --stop-after 1").exit_code, 75);
  rebuild_library();

  for (const int num_ranks : {1, 2}) {
    const ProgramResult resumed = invar("resume campaign", num_ranks);
    EXPECT_EQ(resumed.exit_code, 65) << resumed.err;
    EXPECT_THAT(resumed.err, HasSubstr("has another checksum"));
  }
  const ProgramResult given = invar("resume campaign --study study.yaml");
  EXPECT_EQ(given.exit_code, 78);
  EXPECT_THAT(given.err, HasSubstr("model.library_checksum: "));

  fs::remove(folder_ / "liblinear.so");
  const ProgramResult without = invar("resume campaign");
  EXPECT_EQ(without.exit_code, 66) << without.err;
  EXPECT_THAT(without.err, HasSubstr("liblinear.so` cannot be read"));
  EXPECT_EQ(invar("show campaign").exit_code, 0);
}

TEST_F(PluginStudy, WithoutALibraryIsRefusedByNameAndPlace) {
  const ProgramResult missing = invar("check study.yaml --set model.library=./libmissing.so");
  EXPECT_EQ(missing.exit_code, 66);
  EXPECT_THAT(missing.err, HasSubstr("libmissing.so` cannot be read"));

  const ProgramResult none = invar("run study.yaml --set model.library=study.yaml", 2);
  EXPECT_EQ(none.exit_code, 66);
  EXPECT_THAT(none.err, HasSubstr("study.yaml` cannot be loaded as a shared library"));

  const ProgramResult sizes = invar("run study.yaml --set model.options.matrix=[[1,2],[3,4]]", 2);
  EXPECT_EQ(sizes.exit_code, 78);
  EXPECT_THAT(sizes.err, HasSubstr("gives 2 QoIs, found 3 values in the study"));
  EXPECT_FALSE(fs::exists(folder_ / "campaign/journal"));
}

TEST_F(PluginStudy, ThatCrashesInAProcessOfItsOwnCostsOneRun) {
  write_file(folder_ / "bad.yaml", study("fault: signal, above: 1.2"));

  const ProgramResult run = invar(
      "run bad.yaml --stop-after 1 --set model.isolation=process "
      "--set evaluation.failure_budget=1 --set evaluation.retries=0",
      2);

  EXPECT_EQ(run.exit_code, 75) << run.err;
  const json shown = show("campaign");
  EXPECT_GE(shown.at("failed").get<int>(), 1);
  EXPECT_LT(shown.at("failed").get<int>(), shown.at("evaluations").get<int>() / 2);
  EXPECT_THAT(read_file(folder_ / "campaign/log.txt"), HasSubstr("Segmentation fault"));
}

TEST_F(PluginStudy, ThatThrowsCostsOneRunOnTwoRanks) {
  write_file(folder_ / "bad.yaml", study("fault: throw, above: 1.2"));

  const ProgramResult run = invar(
      "run bad.yaml --stop-after 1 --set evaluation.ranks_per_model=2 "
      "--set evaluation.failure_budget=1 --set evaluation.retries=0",
      3);

  EXPECT_EQ(run.exit_code, 75) << run.err;
  EXPECT_GE(show("campaign").at("failed").get<int>(), 1);
  EXPECT_THAT(read_file(folder_ / "campaign/log.txt"), HasSubstr("thrown by the plugin"));
}

/// The example as its README says, with the libraries that were built from it.
TEST_F(PluginStudy, OfTheExampleRuns) {
  const fs::path example = fs::path(INVAR_SOURCE_DIR) / "jobs/couple-plugin";
  std::vector<std::string> names = {"heat"};
#ifdef HAS_FORTRAN
  names.emplace_back("heat_fortran");
#endif
  for (const std::string& name : names) {
    fs::copy(PLUGINS "lib" + name + ".so", folder_ / ("lib" + name + ".so"));
    fs::copy(example / (name + ".yaml"), folder_ / (name + ".yaml"));

    const ProgramResult run = invar(fmt::format("run {0}.yaml --campaign {0}-campaign", name), 3);

    ASSERT_EQ(run.exit_code, 0) << run.err;
    const json shown = show(name + "-campaign");
    EXPECT_EQ(shown.at("failed"), 0);
    const json& mean = shown.at("posterior").at("mean");
    // What the data were made with; their noise of 0.02 blurs the conductivities by about 0.1.
    EXPECT_NEAR(mean.at(0).get<double>(), 0.5, 0.3) << name;
    EXPECT_NEAR(mean.at(1).get<double>(), -0.5, 0.3) << name;
    EXPECT_NEAR(mean.at(2).get<double>(), 8.0, 0.5) << name;
  }
}

}  // namespace
}  // namespace invar::test
