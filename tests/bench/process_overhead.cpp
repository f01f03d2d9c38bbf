// What it costs to run a program that does nothing: milliseconds per evaluation, the smallest and
// the median; also in a process that has so many MB of memory.
//
// usage: process_overhead FOLDER [RUNS [MEGABYTES]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <mpi.h>

#include "invar/model_process/process_model.hpp"

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const int num_runs = argc > 2 ? std::atoi(argv[2]) : 1000;
  const std::vector<char> memory(argc > 3 ? std::stoul(argv[3]) << 20U : 0, 'x');
  invar::model_process::ProcessOptions options;
  options.command = {"/bin/true"};
  options.work_directory = argc > 1 ? argv[1] : "/tmp/process_overhead";
  options.keep = invar::model_process::Keep::none;
  const auto model = invar::model_process::make_process_model(
      options, {.num_parameters = 2, .num_qois = 2, .parameter_names = {"a", "b"}}, MPI_COMM_SELF);
  std::vector<double> taken_ms;
  for (int i = 0; i < num_runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    model->evaluate({Eigen::Vector2d(1, 2), i});  // bad_output, which costs the same
    taken_ms.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
            .count());
  }
  std::sort(taken_ms.begin(), taken_ms.end());
  std::printf("%.2f ms per run at best, %.2f ms in the median\n", taken_ms.front(),
              taken_ms[taken_ms.size() / 2]);
  MPI_Finalize();
  return 0;
}
