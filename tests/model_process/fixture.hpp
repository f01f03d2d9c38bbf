#pragma once

// A model that is a script, in a scratch folder.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "invar/model_process/process_model.hpp"
#include "support/program.hpp"

namespace invar::model_process {

class ProcessTest : public ::testing::Test {
 protected:
  /// Options with which a shell script runs.
  ProcessOptions shell(const std::string& script) {
    test::write_file(folder_ / "script.sh", script);
    ProcessOptions options;
    options.command = {"/bin/sh", (folder_ / "script.sh").string()};
    options.work_directory = (folder_ / "runs").string();
    return options;
  }

  static model::ProblemSizes sizes(Eigen::Index num_qois) {
    return {.num_parameters = 2, .num_qois = num_qois, .parameter_names = {"a", "b"}};
  }

  static std::unique_ptr<model::Model> make(const ProcessOptions& options,
                                            Eigen::Index num_qois = 2) {
    return make_process_model(options, sizes(num_qois), MPI_COMM_SELF);
  }

  model::ModelResult run(const std::string& script, double timeout_s = 20) {
    const auto model = make(shell(script));
    model->limit_time(timeout_s);
    return model->evaluate({Eigen::Vector2d(1.5, -2.0), 17});
  }

  /// Directories of runs that are still there.
  [[nodiscard]] std::vector<std::string> kept() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "runs")) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  test::ScratchFolder folder_;
};

}  // namespace invar::model_process
