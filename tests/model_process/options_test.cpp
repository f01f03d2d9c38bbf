#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/model_process/process_model.hpp"
#include "support/nodes.hpp"

namespace invar::model_process {
namespace {

using options::Node;
using test::map;
using test::quoted;
using test::scalar;
using test::scalars;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Files in memory, which stand in /study.
class PlacedFiles final : public test::MemoryFiles {
 public:
  options::FileInPlace in_place(const std::string& path, bool /*wants_checksum*/) override {
    if (path.starts_with('/')) {
      return {.path = path, .is_there = true};
    }
    return {.path = path == "." ? "/study/" : "/study/" + path,
            .is_there = path == "." || path == "folder" || texts.count(path) != 0,
            .is_folder = path == "." || path == "folder"};
  }
};

class ProcessOptionsTest : public ::testing::Test {
 protected:
  ProcessOptionsTest() { files_.texts = {{"model.py", ""}, {"in.txt", "{{a}}"}, {"mesh", "m"}}; }

  ProcessOptions read(const Node& node) {
    options::Reader reader(files_);
    ProcessOptions values;
    resolved_ = process_table().read({.node = &node, .reader = &reader}, values);
    for (const auto& problem : reader.problems()) {
      problems_.push_back(problem.path + ": " + problem.message);
    }
    if (problems_.empty()) {
      for (const auto& problem : process_problems(
               values, {.num_parameters = 2, .num_qois = 1, .parameter_names = {"a", "b"}})) {
        problems_.push_back(problem.key + ": " + problem.message);
      }
    }
    return values;
  }

  void expect_problem(const Node& node, const std::string& part) {
    problems_.clear();
    read(node);
    EXPECT_THAT(problems_, ElementsAre(HasSubstr(part)));
  }

  PlacedFiles files_;
  Node resolved_;
  std::vector<std::string> problems_;
};

const Node command = scalars({"python3", "model.py", "-v"});

TEST_F(ProcessOptionsTest, TakesPathsFromTheFolderOfTheStudy) {
  const ProcessOptions values = read(map({{"command", command},
                                          {"templates", scalars({"in.txt"})},
                                          {"link", scalar("mesh")},
                                          {"work_directory", scalar("../out")}}));

  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_THAT(values.command, ElementsAre("python3", "/study/model.py", "-v"));
  EXPECT_EQ(values.work_directory, "/out");
  EXPECT_EQ(values.templates.at(0).name, "in.txt");
  EXPECT_EQ(values.templates.at(0).source, "{{a}}");
  EXPECT_EQ(values.link.at(0).source, "/study/mesh");
}

TEST_F(ProcessOptionsTest, TakesNoFolderForAProgram) {
  EXPECT_THAT(read(map({{"command", scalars({"folder", "folder"})}})).command,
              ElementsAre("folder", "/study/folder"));
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(ProcessOptionsTest, ResolvesToWhatReadsBackInAnotherFolder) {
  const ProcessOptions values = read(
      map({{"command", command}, {"templates", scalars({"in.txt"})}, {"copy", scalar("mesh")}}));
  EXPECT_THAT(problems_, IsEmpty());
  const Node resolved = resolved_;
  files_.texts = {{"data/in.txt", "{{a}}"}};

  const ProcessOptions again = read(resolved);

  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_EQ(again.command, values.command);
  EXPECT_EQ(again.work_directory, "/study/runs");
  EXPECT_EQ(again.templates.at(0).name, "in.txt");
  EXPECT_EQ(again.copy.at(0).source, "/study/mesh");
}

TEST_F(ProcessOptionsTest, SaysWhatIsMissing) {
  expect_problem(map({}), "command: is required");
  expect_problem(map({{"command", scalars({})}}), "expected the words of a command");
  expect_problem(map({{"command", scalars({"./model"})}}), "there is no program `./model`");
  expect_problem(map({{"command", command}, {"link", scalar("x")}}), "there is no file `x`");
  expect_problem(map({{"command", command}, {"templates", scalar("x")}}), "cannot read `x`");
  expect_problem(map({{"command", command}, {"comand", scalar("x")}}), "command");
}

TEST_F(ProcessOptionsTest, SaysWhatDoesNotGoTogether) {
  const auto output = [](const std::vector<std::pair<std::string, Node>>& entries) {
    return map({{"command", command}, {"results", scalar("outputs")}, {"outputs", map(entries)}});
  };
  expect_problem(map({{"command", command}, {"results", scalar("outputs")}}), "outputs: ");
  expect_problem(output({{"file", scalar("log")}}), "either a pattern or a line");
  expect_problem(
      output({{"file", scalar("log")}, {"line", scalar("1")}, {"pattern", scalar("(x)")}}),
      "either a pattern or a line");
  expect_problem(output({{"file", scalar("log")}, {"pattern", scalar("x")}}), "no group");
  expect_problem(output({{"pattern", scalar("(x)")}}), "outputs.file: is required");
  expect_problem(
      map({{"command", command}, {"outputs", map({{"file", scalar("a")}, {"line", scalar("1")}})}}),
      "goes with `results: outputs`");
  expect_problem(map({{"command", command}, {"link", scalar("mesh")}, {"copy", scalar("mesh")}}),
                 "a `mesh` in the directory");
  expect_problem(map({{"command", command},
                      {"copy", map({{"file", scalar("mesh")}, {"as", quoted("params.in")}})}}),
                 "a `params.in` in the directory");
  expect_problem(map({{"command", command},
                      {"copy", map({{"file", scalar("mesh")}, {"as", quoted("../x")}})}}),
                 "expected a file name");
  files_.texts["in.txt"] = "{{c}}";
  expect_problem(map({{"command", command}, {"templates", scalar("in.txt")}}), "found `c`");
}

}  // namespace
}  // namespace invar::model_process
