#include "invar/model_plugin/plugin.hpp"

#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <vector>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/model_petsc/linear.hpp"
#include "support/petsc_environment.hpp"

namespace invar::model_plugin {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using ::testing::AllOf;
using ::testing::HasSubstr;

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

constexpr const char* matrix_text = R"("matrix":[[1,2,3],[0,1,0.1],[2,2,1e-3],[-7,5.5,0.25]])";

MatrixXd matrix() {
  return MatrixXd{{1, 2, 3}, {0, 1, 0.1}, {2, 2, 1e-3}, {-7, 5.5, 0.25}};
}

int rank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int num_ranks() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

PluginOptions of_library(const std::string& name) {
  PluginOptions options;
  options.library = PLUGINS + name;
  return options;
}

PluginOptions linear(const std::string& more = "") {
  PluginOptions options = of_library("liblinear.so");
  options.options_json = std::string("{") + matrix_text + more + "}";
  return options;
}

std::unique_ptr<model::Model> make(const PluginOptions& options,
                                   const model::ProblemSizes& sizes = {}) {
  return make_plugin_model(options, sizes, MPI_COMM_WORLD);
}

/// The kind and the message of what making the model throws, on every rank.
void expect_refused(const PluginOptions& options, ErrorKind kind, const std::string& words,
                    const model::ProblemSizes& sizes = {}) {
  try {
    make(options, sizes);
    ADD_FAILURE() << "was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

const Eigen::Vector3d theta(0.3, -1.7, 2.9);

TEST(Plugin, GivesTheQoisOfTheLinearModelThatIsLinkedIn) {
  const auto linked = model_petsc::make_linear_model(
      {.matrix = matrix(), .offset = VectorXd::Constant(1, 0.5)}, MPI_COMM_WORLD);
  const auto plugin = make(linear(R"(,"offset":0.5)"));

  const model::ModelResult expected = linked->evaluate(theta);
  const model::ModelResult found = plugin->evaluate(theta);

  ASSERT_TRUE(found.is_ok()) << found.message;
  EXPECT_EQ(found.qois.size(), rank() == 0 ? 4 : 0);
  if (rank() == 0) {
    EXPECT_LE((found.qois - expected.qois).lpNorm<Eigen::Infinity>(), 1e-14);
  }
}

TEST(Plugin, GivesTheDerivativesThatItSaysItHas) {
  const auto plugin = make(linear());
  ASSERT_TRUE(plugin->capabilities().jacobian);
  ASSERT_TRUE(plugin->capabilities().jacobian_vector);
  ASSERT_TRUE(plugin->capabilities().vector_jacobian);
  model::ModelRequest request(theta, 17);
  request.wants_jacobian = true;
  request.directions = MatrixXd{{1, 0.5}, {0, -2}, {1, 3}};
  request.weights = MatrixXd{{1}, {2}, {3}, {-4}};

  const model::ModelResult result = plugin->evaluate(request);

  ASSERT_TRUE(result.is_ok()) << result.message;
  if (rank() == 0) {
    EXPECT_EQ(result.jacobian, matrix());
    EXPECT_LE((result.jacobian_vectors - matrix() * request.directions).norm(), 1e-14);
    EXPECT_LE((result.vector_jacobians - matrix().transpose() * request.weights).norm(), 1e-14);
  }
}

TEST(Plugin, GivesTheJacobianOfTheHeatExample) {
  const auto plugin = make(of_library("libheat.so"));
  EXPECT_TRUE(plugin->capabilities().jacobian);
  EXPECT_FALSE(plugin->capabilities().vector_jacobian);
  const Eigen::Vector3d at(0.4, -0.8, 2.0);
  model::ModelRequest request(at);
  request.wants_jacobian = true;

  const model::ModelResult result = plugin->evaluate(request);

  for (Eigen::Index j = 0; j < 3; ++j) {
    const Eigen::Vector3d step = 1e-5 * Eigen::Vector3d::Unit(j);
    const VectorXd up = plugin->evaluate(Eigen::Vector3d(at + step)).qois;
    const VectorXd down = plugin->evaluate(Eigen::Vector3d(at - step)).qois;
    if (rank() == 0) {
      EXPECT_LE((result.jacobian.col(j) - (up - down) / 2e-5).norm(), 1e-9) << j;
    }
  }
}

// With k = 1 on both sides, u = s x (1 - x) / 2 at the centre of a cell, up to half a cell's width
// squared: the second-order scheme is exact for a parabola but for s h^2 / 8 at the ends.
TEST(Plugin, GivesTheParabolaOfAHomogeneousRod) {
  const auto plugin = make(of_library("libheat.so"));

  const model::ModelResult result = plugin->evaluate(Eigen::Vector3d(0.0, 0.0, 8.0));

  for (Eigen::Index i = 0; i < result.qois.size(); ++i) {
    const double x = (4.0 + 8.0 * static_cast<double>(i) + 0.5) / 40.0;
    EXPECT_NEAR(result.qois[i], 4.0 * x * (1.0 - x), 8.0 / 1600.0 / 8.0 + 1e-12) << i;
  }
}

#ifdef HAS_FORTRAN
TEST(Plugin, GivesTheSameFromFortranAsFromC) {
  const auto c = make(of_library("libheat.so"));
  const auto fortran = make(of_library("libheat_fortran.so"));
  for (const Eigen::Vector3d& at :
       {Eigen::Vector3d(0.4, -0.8, 2.0), Eigen::Vector3d(-1.0, 3.0, 0.1)}) {
    const model::ModelResult expected = c->evaluate(at);
    const model::ModelResult found = fortran->evaluate(at);

    ASSERT_TRUE(found.is_ok()) << found.message;
    if (rank() == 0) {
      EXPECT_LE((found.qois - expected.qois).norm(), 1e-14 * expected.qois.norm());
    }
  }
  EXPECT_FALSE(fortran->capabilities().jacobian);
  const model::ModelResult failed = fortran->evaluate(Eigen::Vector3d(500.0, 0.0, 0.0));
  EXPECT_EQ(failed.status, Status::model_failed);
  EXPECT_THAT(failed.message, HasSubstr("the conductivities are out of range"));
}
#endif

TEST(Plugin, WithoutItsFileOrWithAnotherFileIsRefused) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("invar-plugin-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  PluginOptions options;

  options.library = (folder / "missing.so").string();
  expect_refused(options, ErrorKind::no_input,
                 "missing.so` cannot be loaded as a shared library: ");
  options.library = (folder / "text.so").string();
  std::ofstream(options.library) << "int main() {}\n" << std::string(4096, ' ');
  expect_refused(options, ErrorKind::no_input, "text.so` cannot be loaded as a shared library: ");
  options.library = folder.string();
  expect_refused(options, ErrorKind::no_input, "cannot be loaded as a shared library: ");
  std::filesystem::remove_all(folder);
}

TEST(Plugin, OfAnotherInterfaceIsRefused) {
  expect_refused(of_library("liblinear_without_info.so"), ErrorKind::config,
                 "has no function `invar_plugin_info`");
  expect_refused(of_library("liblinear_wrong_abi.so"), ErrorKind::config,
                 "another invar/plugin.h: expected ABI version 1, found 2");
  expect_refused(of_library("liblinear_wrong_size.so"), ErrorKind::config,
                 "expected sizeof(InvarPluginRequest) 80, found 88");
}

TEST(Plugin, WithAnotherChecksumIsRefused) {
  PluginOptions options = linear();
  options.library_checksum = "00000001";
  options.found_checksum = "00000002";
  expect_refused(options, ErrorKind::data, "has another checksum (00000002)");
  options.found_checksum = "";
  expect_refused(options, ErrorKind::no_input, "liblinear.so` cannot be read");
}

TEST(Plugin, ThatCannotMakeItsModelSaysWhy) {
  expect_refused(linear(R"(,"fault":"create")"), ErrorKind::config,
                 "could not make its model: invar_plugin_create returned 7: no licence for {");
  expect_refused(linear(R"(,"fault":"create_throws")"), ErrorKind::config,
                 "could not make its model: it threw: thrown while it was made");
  PluginOptions odd = of_library("libheat.so");
  odd.options_json = R"({"cells":41})";
  expect_refused(odd, ErrorKind::config, "expected an even number in [10, 1000000], found 41");
}

TEST(Plugin, OfOtherSizesThanTheStudySaysIsRefused) {
  expect_refused(linear(), ErrorKind::config, "expects 3 (ant, bee, cat), found 4 in the study",
                 {.num_parameters = 4, .num_qois = 4});
  expect_refused(linear(), ErrorKind::config, "gives 4 QoIs, found 5 values in the study",
                 {.num_parameters = 3, .num_qois = 5});
  expect_refused(linear(R"(,"fault":"sizes")"), ErrorKind::config,
                 "expected at least one parameter and one QoI, found -1 and 4");
  expect_refused(linear(R"(,"fault":"sizes_fail")"), ErrorKind::config,
                 "invar_plugin_sizes returned 3");
}

TEST(Plugin, ThatFailsInARunSaysWhyAndGoesOn) {
  const auto plugin = make(linear(R"(,"fault":"fail","above":1)"));

  const model::ModelResult failed = plugin->evaluate(Eigen::Vector3d(2, 0, 0));

  EXPECT_EQ(failed.status, Status::model_failed);
  EXPECT_THAT(failed.message, HasSubstr("returned 1: the plugin's own words"));
  EXPECT_TRUE(plugin->evaluate(theta).is_ok());
}

TEST(Plugin, ThatThrowsInARunThrowsOnAllRanks) {
  const auto plugin = make(linear(R"(,"fault":"throw","above":1)"));

  EXPECT_THROW(plugin->evaluate(Eigen::Vector3d(2, 0, 0)), std::exception);
  EXPECT_TRUE(plugin->evaluate(theta).is_ok());
}

TEST(Plugin, ThatFailsOnOneRankFailsOnAll) {
  if (num_ranks() == 1) {
    GTEST_SKIP() << "needs several ranks";
  }
  const Eigen::Vector3d bad(2, 0, 0);

  const auto fails = make(linear(R"(,"fault":"fail_on_last","above":1)"));
  EXPECT_EQ(fails->evaluate(bad).status, Status::model_failed);
  EXPECT_THAT(fails->evaluate(bad).message, HasSubstr("the plugin's own words"));
  EXPECT_TRUE(fails->evaluate(theta).is_ok());

  const auto throws = make(linear(R"(,"fault":"throw_on_last","above":1)"));
  EXPECT_THROW(throws->evaluate(bad), std::exception);
  EXPECT_TRUE(throws->evaluate(theta).is_ok());
}

TEST(Plugin, ThatLeavesItsResultOutGivesNaN) {
  const auto plugin = make(linear(R"(,"fault":"leaves_out")"));

  const model::ModelResult result = plugin->evaluate(theta);

  EXPECT_TRUE(result.is_ok());
  if (rank() == 0) {
    EXPECT_TRUE(result.qois.array().isNaN().all());
  }
}

}  // namespace
}  // namespace invar::model_plugin
