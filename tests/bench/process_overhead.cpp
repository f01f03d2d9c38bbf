// What it costs to run a program that does nothing: milliseconds per evaluation, best of five.
//
// usage: process_overhead FOLDER [RUNS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <mpi.h>

#include "invar/model_process/process_model.hpp"

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const int num_runs = argc > 2 ? std::atoi(argv[2]) : 200;
  invar::model_process::ProcessOptions options;
  options.command = {"/bin/true"};
  options.work_directory = argc > 1 ? argv[1] : "/tmp/process_overhead";
  options.keep = invar::model_process::Keep::none;
  const auto model = invar::model_process::make_process_model(
      options, {.num_parameters = 2, .num_qois = 2, .parameter_names = {"a", "b"}}, MPI_COMM_SELF);
  double best_ms = 1e30;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < num_runs; ++i) {
      model->evaluate({Eigen::Vector2d(1, 2), i});  // bad_output, which costs the same
    }
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - begin;
    best_ms = std::min(best_ms, taken.count() / num_runs);
  }
  std::printf("%.2f ms per run\n", best_ms);
  MPI_Finalize();
  return 0;
}
