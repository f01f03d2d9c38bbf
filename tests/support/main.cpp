// GoogleTest's main on one or several ranks: every rank runs the same tests in the same order,
// rank 0 reports, others print only their failures, and the exit code is the worst of all ranks.
// Listeners do not communicate.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <mpi.h>

#include <gtest/gtest.h>

namespace {

class FailurePrinter : public ::testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(int rank) : rank_(rank) {}

 private:
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.failed()) {
      std::fprintf(stderr, "[rank %d] %s:%d: %s\n", rank_,
                   result.file_name() != nullptr ? result.file_name() : "?", result.line_number(),
                   result.message());
    }
  }

  int rank_;
};

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const bool is_under_mpiexec = std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr;
  if (!is_under_mpiexec) {
    // Tests of one rank that need MPI start it as a singleton.
    ::setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    // Processes that stand alone would share one folder, and remove it under each other.
    ::setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
  }
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank > 0) {
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter(rank));
  }
  int mine = RUN_ALL_TESTS();
  int worst = 0;
  MPI_Allreduce(&mine, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return worst;
}
