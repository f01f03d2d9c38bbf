// What a run of a model that does nothing costs, linked in and as a plugin; not a test.
//
// usage: model_plugin_timing [RUNS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <mpi.h>

#include "invar/model_plugin/plugin.hpp"

namespace {

using invar::model::Model;
using invar::model::ModelRequest;
using invar::model::ModelResult;

/// What libheat.so has in size, and nothing inside.
class NullModel final : public Model {
 public:
  [[nodiscard]] Eigen::Index num_parameters() const override { return 3; }
  [[nodiscard]] Eigen::Index num_qois() const override { return 5; }
  ModelResult evaluate(const ModelRequest& request) override {
    ModelResult result;
    result.qois = Eigen::VectorXd::Constant(5, request.parameters[0]);
    return result;
  }
};

/// The least of ten means, in nanoseconds.
double cost(Model& model, int num_runs) {
  const ModelRequest request(Eigen::Vector3d(0.1, 0.2, 0.3));
  double least = 1e300;
  double sum = 0.0;
  for (int repetition = 0; repetition < 10; ++repetition) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < num_runs; ++i) {
      sum += model.evaluate(request).qois[0];
    }
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    least = std::min(least, spent.count() / num_runs);
  }
  return sum == 0.0 ? 0.0 : least;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const int num_runs = argc > 1 ? std::atoi(argv[1]) : 100000;
  {
    NullModel linked;
    invar::model_plugin::PluginOptions options;
    options.library = PLUGINS "libnull.so";
    const auto plugin = invar::model_plugin::make_plugin_model(options, {}, MPI_COMM_SELF);
    const double linked_ns = cost(linked, num_runs);
    const double plugin_ns = cost(*plugin, num_runs);
    std::printf("linked %.0f ns, plugin %.0f ns, %.0f ns more\n", linked_ns, plugin_ns,
                plugin_ns - linked_ns);
  }
  MPI_Finalize();
}
