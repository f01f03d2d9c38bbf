#include "invar/model_plugin/plugin.hpp"
#include "model/model_contract.hpp"

namespace invar::model {
namespace {

ContractCase linear_case() {
  model_plugin::PluginOptions options;
  options.library = PLUGINS "liblinear.so";
  options.options_json = R"({"matrix":[[1,2,3,4],[0,1,0.5,-1],[2,2,1e-3,7]],"offset":0.25})";
  return {
      .name = "Linear",
      .make =
          [options](MPI_Comm group) { return model_plugin::make_plugin_model(options, {}, group); },
      .prior_mean = Eigen::Vector4d(0.5, -1.0, 2.0, 0.0),
      .prior_std = Eigen::VectorXd::Ones(4),
      .must_not_succeed = [](double value) { return !(std::abs(value) <= 1e3); }};
}

ContractCase heat_case() {
  model_plugin::PluginOptions options;
  options.library = PLUGINS "libheat.so";
  return {
      .name = "Heat",
      .make =
          [options](MPI_Comm group) { return model_plugin::make_plugin_model(options, {}, group); },
      .prior_mean = Eigen::Vector3d(0.0, 0.5, 1.0),
      .prior_std = Eigen::VectorXd::Ones(3),
      .must_not_succeed = [](double value) { return !(std::abs(value) < 300.0); }};
}

INSTANTIATE_TEST_SUITE_P(Plugin, ModelContract, ::testing::Values(linear_case(), heat_case()),
                         case_name);

}  // namespace
}  // namespace invar::model
