#include <filesystem>

#include "invar/model_process/process_model.hpp"
#include "model/model_contract.hpp"
#include "support/program.hpp"

namespace invar::model {
namespace {

/// q = (a + 2 b, a b), by awk; a folder that is left to the end of all tests.
ContractCase script_case() {
  static const test::ScratchFolder folder;
  test::write_file(folder / "model.awk",
                   "BEGIN { ARGC = 2 } $2 == \"a\" { a = $1 } $2 == \"b\" { b = $1 } "
                   "END { printf \"%.17g %.17g\\n\", a + 2 * b, a * b > ARGV[2] }\n");
  model_process::ProcessOptions options;
  options.command = {"awk", "-f", (folder / "model.awk").string()};
  options.work_directory = (folder / "runs").string();
  options.keep = model_process::Keep::none;
  const ProblemSizes sizes = {.num_parameters = 2, .num_qois = 2, .parameter_names = {"a", "b"}};
  return {.name = "Script",
          .make =
              [options, sizes](MPI_Comm group) {
                return model_process::make_process_model(options, sizes, group);
              },
          .prior_mean = Eigen::Vector2d(0.5, -1.0),
          .prior_std = Eigen::Vector2d::Ones(),
          .must_not_succeed = [](double value) { return !(std::abs(value) <= 1e3); }};
}

INSTANTIATE_TEST_SUITE_P(Process, ModelContract, ::testing::Values(script_case()), case_name);

}  // namespace
}  // namespace invar::model
