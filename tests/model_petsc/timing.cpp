// How long one evaluation of each built-in model takes:
//
//     model_petsc_timing                     1 rank
//     mpiexec -n 2 model_petsc_timing        poisson shared by 2
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <mpi.h>

#include "invar/model_petsc/linear.hpp"
#include "invar/model_petsc/lotka_volterra.hpp"
#include "invar/model_petsc/poisson.hpp"
#include "invar/petsc/session.hpp"

namespace {

using namespace invar;  // a program of one file

void report(const std::string& name, model::Model& model, const Eigen::VectorXd& parameters) {
  constexpr int num_calls = 500;
  std::vector<double> microseconds;
  for (int i = 0; i < num_calls; ++i) {
    MPI_Barrier(MPI_COMM_WORLD);
    const auto start = std::chrono::steady_clock::now();
    model.evaluate(parameters);
    const std::chrono::duration<double, std::micro> elapsed =
        std::chrono::steady_clock::now() - start;
    microseconds.push_back(elapsed.count());
  }
  std::sort(microseconds.begin(), microseconds.end());
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (rank == 0) {
    std::printf("%-28s %d ranks: median %8.1f us, 90 %% below %8.1f us\n", name.c_str(), size,
                microseconds[num_calls / 2], microseconds[num_calls * 9 / 10]);
  }
}

void report_all() {
  const petsc::PetscSession session(MPI_COMM_WORLD);
  {
    model_petsc::LinearOptions options;
    options.matrix = Eigen::MatrixXd::Random(32, 16);
    const auto model = model_petsc::make_linear_model(options, MPI_COMM_WORLD);
    report("linear 32 x 16", *model, Eigen::VectorXd::Ones(16));
  }
  {
    model_petsc::LotkaVolterraOptions options;
    options.times = Eigen::VectorXd::LinSpaced(21, 0.0, 20.0);
    const auto model = model_petsc::make_lotka_volterra_model(options, MPI_COMM_WORLD);
    Eigen::VectorXd x(6);
    x << -0.5972, -3.5833, -0.2418, -3.7533, 3.5263, 1.7838;
    report("lotka_volterra 21 times", *model, x);
  }
  for (const int n : {32, 64, 128}) {
    const auto model = model_petsc::make_poisson_model({.n = n}, MPI_COMM_WORLD);
    report("poisson n = " + std::to_string(n), *model, Eigen::VectorXd::LinSpaced(64, 0.0, 8.0));
  }
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  report_all();
  MPI_Finalize();
  return 0;
}
