// What every model keeps, for one behind a server.
#include <array>
#include <cmath>

#include "invar/model_umbridge/umbridge.hpp"
#include "model/model_contract.hpp"
#include "support/background.hpp"

namespace invar::model {
namespace {

/// The server of all ranks, on rank 0.
class Server final : public ::testing::Environment {
 public:
  void SetUp() override {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    std::array<char, 16> port{};
    if (rank == 0) {
      server_ = std::make_unique<test::BackgroundProgram>("python3 " INVAR_SOURCE_DIR
                                                          "/tests/model_umbridge/server.py");
      server_->read_line().copy(port.data(), port.size() - 1);
    }
    MPI_Bcast(port.data(), static_cast<int>(port.size()), MPI_CHAR, 0, MPI_COMM_WORLD);
    options.urls = {std::string("http://127.0.0.1:") + port.data()};
    options.name = "forward";
  }
  void TearDown() override {
    MPI_Barrier(MPI_COMM_WORLD);
    server_.reset();
  }

  static model_umbridge::UmbridgeOptions options;

 private:
  std::unique_ptr<test::BackgroundProgram> server_;
};

model_umbridge::UmbridgeOptions Server::options;

const auto* const server = ::testing::AddGlobalTestEnvironment(new Server);

ContractCase umbridge_case() {
  return {.name = "Umbridge",
          .make =
              [](MPI_Comm group) {
                return model_umbridge::make_umbridge_model(Server::options, group);
              },
          .prior_mean = Eigen::Vector3d(0.5, 1.0, -0.7),
          .prior_std = Eigen::Vector3d(0.2, 0.3, 0.2),
          .must_not_succeed = [](double value) { return !std::isfinite(value); }};
}

INSTANTIATE_TEST_SUITE_P(All, ModelContract, ::testing::Values(umbridge_case()), case_name);

}  // namespace
}  // namespace invar::model
