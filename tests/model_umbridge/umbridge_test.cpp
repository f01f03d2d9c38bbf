// The client against a server of Python's standard library that answers well, badly, late or never.
#include "invar/model_umbridge/umbridge.hpp"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "support/background.hpp"

namespace invar::model_umbridge {
namespace {

namespace fs = std::filesystem;
using test::BackgroundProgram;
using testing::HasSubstr;

std::string server_command(const std::string& arguments = "") {
  return "python3 " INVAR_SOURCE_DIR "/tests/model_umbridge/server.py " + arguments;
}

long count_of(const char* folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

class Umbridge : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<BackgroundProgram>(server_command());
    url_ = "http://127.0.0.1:" + server_->read_line();
  }
  static void TearDownTestSuite() { server_.reset(); }

  static UmbridgeOptions options(const std::string& config = "{}") {
    UmbridgeOptions options;
    options.urls = {url_};
    options.name = "forward";
    options.config = config;
    options.connection_retries = 1;
    return options;
  }

  static std::string faulty(const std::string& fault) { return R"({"fault": ")" + fault + "\"}"; }

  static std::unique_ptr<model::Model> make(const UmbridgeOptions& options) {
    return make_umbridge_model(options, MPI_COMM_SELF);
  }

  static Eigen::VectorXd point() { return Eigen::Vector3d(0.3, -1.7, 2.1); }

  static Eigen::VectorXd expected() {
    return Eigen::VectorXd{{std::sin(0.3) + 2.1, 0.3 * -1.7, 1.7 * 1.7, std::pow(2.1, 3), 0.3 / 3}};
  }

  static Eigen::MatrixXd jacobian() {
    return Eigen::MatrixXd{{std::cos(0.3), 0.0, 1.0},
                           {-1.7, 0.3, 0.0},
                           {0.0, 2 * -1.7, 0.0},
                           {0.0, 0.0, 3 * 2.1 * 2.1},
                           {1.0 / 3, 0.0, 0.0}};
  }

  /// What the model makes of a fault in its run.
  static model::ModelResult run(const std::string& fault, double timeout_s = 5.0) {
    const auto model = make(options(faulty(fault)));
    model->limit_time(timeout_s);
    return model->evaluate(point());
  }

  /// The error of making the model, with its kind.
  static std::pair<ErrorKind, std::string> refusal(const UmbridgeOptions& options) {
    try {
      make(options);
    } catch (const Error& error) {
      return {error.kind(), error.what()};
    }
    return {ErrorKind::internal, "no error"};
  }

  static std::unique_ptr<BackgroundProgram> server_;
  static std::string url_;
};

std::unique_ptr<BackgroundProgram> Umbridge::server_;
std::string Umbridge::url_;

TEST_F(Umbridge, TakesItsSizesAndCapabilitiesFromTheServer) {
  const auto model = make(options());

  EXPECT_EQ(model->num_parameters(), 3);
  EXPECT_EQ(model->num_qois(), 5);
  EXPECT_TRUE(model->capabilities().jacobian);
  EXPECT_TRUE(model->capabilities().jacobian_vector);
  EXPECT_TRUE(model->capabilities().vector_jacobian);
}

TEST_F(Umbridge, SplitsParametersAndJoinsQoisToTheBit) {
  const auto model = make(options());

  const auto result = model->evaluate(point());

  ASSERT_TRUE(result.is_ok()) << result.message;
  EXPECT_EQ(result.qois.size(), 5);
  EXPECT_EQ(result.qois[1], 0.3 * -1.7);
  EXPECT_EQ(result.qois[4], 0.3 / 3);
  EXPECT_LE((result.qois - expected()).norm(), 1e-14);
}

TEST_F(Umbridge, GivesAllDerivativesOfAllBlocks) {
  for (const std::string kind : {"", "/fault/gradient-only"}) {
    UmbridgeOptions where = options();
    where.urls = {url_ + kind};
    const auto model = make(where);
    model::ModelRequest request(point());
    request.wants_jacobian = true;
    request.weights = Eigen::MatrixXd::Random(5, 2);
    if (kind.empty()) {
      request.directions = Eigen::MatrixXd::Random(3, 2);
    }

    const auto result = model->evaluate(request);

    ASSERT_TRUE(result.is_ok()) << result.message;
    EXPECT_LE((result.jacobian - jacobian()).norm(), 1e-14);
    EXPECT_LE((result.vector_jacobians - jacobian().transpose() * request.weights).norm(), 1e-13);
    if (kind.empty()) {
      EXPECT_LE((result.jacobian_vectors - jacobian() * request.directions).norm(), 1e-13);
    } else {
      EXPECT_FALSE(model->capabilities().jacobian_vector);
    }
  }
}

TEST_F(Umbridge, SaysThatAServerHasNoDerivatives) {
  UmbridgeOptions where = options();
  where.urls = {url_ + "/fault/evaluate-only"};

  const auto can = make(where)->capabilities();

  EXPECT_FALSE(can.jacobian || can.jacobian_vector || can.vector_jacobian);
}

struct Fault {
  std::string name;
  Status status;
  std::string text;
};

class UmbridgeFault : public Umbridge, public ::testing::WithParamInterface<Fault> {};

TEST_P(UmbridgeFault, IsATypedFailureWithAReason) {
  const auto result = run(GetParam().name);

  EXPECT_EQ(result.status, GetParam().status)
      << core::status_name(result.status) << ": " << result.message;
  EXPECT_THAT(result.message, HasSubstr(GetParam().text));
  EXPECT_THAT(result.message, HasSubstr(url_ + "/Evaluate"));
}

INSTANTIATE_TEST_SUITE_P(
    EveryOne, UmbridgeFault,
    ::testing::Values(
        Fault{"empty", Status::bad_output, "expected JSON from the server, found nothing"},
        Fault{"torn", Status::bad_output, "expected JSON"},
        Fault{"html", Status::bad_output, "`<html>Not here</html>`"},
        Fault{"list", Status::bad_output, "expected a JSON object"},
        Fault{"no-output", Status::bad_output, "no `output`"},
        Fault{"null", Status::bad_output, "number 1 of the answer is null"},
        Fault{"text", Status::bad_output, "number 1 of the answer is a string"},
        Fault{"truth", Status::bad_output, "number 1 of the answer is a boolean"},
        Fault{"nested", Status::bad_output, "number 1 of the answer is an array"},
        Fault{"flat", Status::bad_output, "expected `output` to be 2 lists of numbers, found 5"},
        Fault{"short", Status::bad_output, "expected 2 numbers, found 1"},
        Fault{"long", Status::bad_output, "expected 2 numbers, found 3"},
        Fault{"one-list", Status::bad_output,
              "expected `output` to be 2 lists of numbers, found 1"},
        Fault{"three-lists", Status::bad_output, "2 lists of numbers, found 3"},
        Fault{"deep", Status::bad_output, "expected an answer of the protocol"},
        Fault{"closed-deep", Status::bad_output, "expected an answer of the protocol"},
        Fault{"latin", Status::bad_output, "expected JSON"},
        Fault{"flood", Status::bad_output, "longer than"},
        Fault{"404", Status::bad_output, "HTTP 404: `<html>what?</html>`"},
        Fault{"302", Status::bad_output, "HTTP 302"},
        Fault{"nan", Status::non_finite, "number 1 of the answer is NaN"},
        Fault{"infinity", Status::non_finite, "number 3 of the answer is -Infinity"},
        Fault{"huge", Status::non_finite, "beyond the range of doubles"},
        Fault{"500", Status::model_failed, "InvalidOutput: the solver diverged"},
        Fault{"400", Status::model_failed, "InvalidInput: too hot"},
        Fault{"500-empty", Status::model_failed, "HTTP 500 and gave no reason"},
        Fault{"500-what", Status::model_failed, "a pivot is zero"},
        Fault{"error-in-200", Status::model_failed, "InvalidOutput: no convergence"},
        Fault{"503", Status::transport, "HTTP 503: Busy: the queue is full"},
        Fault{"half", Status::transport, "broke off"},
        Fault{"status-line", Status::transport, "broke off"},
        Fault{"close", Status::transport, "broke off before its answer was complete, 2 times"},
        Fault{"garbage", Status::transport, "broke off"}),
    [](const auto& fault) {
      std::string name = fault.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST_F(Umbridge, EndsARunInTimeHoweverTheServerDawdles) {
  for (const char* const fault : {"stall", "trickle"}) {
    const auto begin = std::chrono::steady_clock::now();

    const auto result = run(fault, 0.4);

    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    EXPECT_EQ(result.status, Status::timeout) << fault << ": " << result.message;
    EXPECT_THAT(result.message, HasSubstr("no answer within 0.4 s (evaluation.timeout_s)"));
    EXPECT_GE(took.count(), 0.4) << fault;
    EXPECT_LT(took.count(), 1.5) << fault;
  }
}

TEST_F(Umbridge, ComesThroughErrorsOfTheConnectionByRetries) {
  UmbridgeOptions patient = options(faulty("recovers"));
  patient.connection_retries = 2;
  const auto model = make(patient);
  for (int i = 0; i < 3; ++i) {
    const auto result = model->evaluate(point());

    EXPECT_TRUE(result.is_ok()) << result.message;
  }
  for (const char* const fault : {"closes-after", "old", "early-hint"}) {
    const auto closing = make(options(faulty(fault)));
    for (int i = 0; i < 5; ++i) {
      const auto result = closing->evaluate(point());

      EXPECT_TRUE(result.is_ok()) << fault << ": " << result.message;
    }
  }
}

TEST_F(Umbridge, DoesNotRepeatWhatTheModelItselfRefused) {
  UmbridgeOptions patient = options(faulty("400"));
  patient.connection_retries = 5;
  const auto model = make(patient);
  const auto begin = std::chrono::steady_clock::now();

  model->evaluate(point());

  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

TEST_F(Umbridge, FailsWhenTheServerDiesAndGoesOnWhenItIsBack) {
  auto server = std::make_unique<BackgroundProgram>(server_command());
  const std::string port = server->read_line();
  UmbridgeOptions where = options();
  where.urls = {"http://127.0.0.1:" + port};
  const auto model = make(where);
  model->limit_time(5.0);
  ASSERT_TRUE(model->evaluate(point()).is_ok());

  server->signal(SIGKILL);
  server->wait();
  const auto gone = model->evaluate(point());
  server = std::make_unique<BackgroundProgram>(server_command(port));
  ASSERT_EQ(server->read_line(), port);
  const auto back = model->evaluate(point());

  EXPECT_EQ(gone.status, Status::transport);
  EXPECT_THAT(gone.message, HasSubstr("cannot be reached, 2 times"));
  EXPECT_TRUE(back.is_ok()) << back.message;
}

TEST_F(Umbridge, GoesToTheNextServerWhenItsOwnIsGone) {
  auto server = std::make_unique<BackgroundProgram>(server_command());
  UmbridgeOptions where = options();
  where.urls = {"http://127.0.0.1:" + server->read_line(), url_};
  const auto model = make(where);
  server.reset();

  const auto result = model->evaluate(point());

  EXPECT_TRUE(result.is_ok()) << result.message;
}

TEST_F(Umbridge, DiesWithTheServerOnlyAsFarAsTheRunGoes) {
  BackgroundProgram server(server_command());
  UmbridgeOptions where = options(faulty("die"));
  where.urls = {"http://127.0.0.1:" + server.read_line()};
  const auto model = make(where);

  EXPECT_EQ(model->evaluate(point()).status, Status::transport);
}

TEST_F(Umbridge, RefusesParametersThatJsonCannotCarry) {
  const auto model = make(options());

  const auto result = model->evaluate(Eigen::Vector3d(1.0, NAN, 2.0));

  EXPECT_EQ(result.status, Status::model_failed);
  EXPECT_THAT(result.message, HasSubstr("parameter 1 is nan"));
}

TEST_F(Umbridge, RefusesAServerThatItCannotWorkWith) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"version", "expected version 1.0 of the UM-Bridge protocol, found 0.9"},
      {"no-version", "expected `protocolVersion` in an answer, found {\"models\":[\"forward\"]}"},
      {"no-models", "(none), found `forward`"},
      {"no-evaluate", "to support Evaluate, found {\"Gradient\":true}"},
      {"support-list", "to support Evaluate, found []"},
      {"sizes-deep", "expected an answer of the protocol, found `{"},
      {"sizes-zero", "expected `inputSizes` to be a list of whole numbers above 0, found [2,0]"},
      {"sizes-empty", "found []"},
      {"sizes-text", "found \"three\""},
      {"sizes-half", "expected `outputSizes` to be a list of whole numbers above 0, found [2.5]"},
      {"sizes-huge", "found [1e+300]"},
      {"sizes-none", "expected `outputSizes` in an answer, found {}"}};
  for (const auto& [fault, text] : faults) {
    UmbridgeOptions where = options();
    where.urls = {url_ + "/fault/" + fault};

    const auto [kind, message] = refusal(where);

    EXPECT_EQ(kind, ErrorKind::config) << fault << ": " << message;
    EXPECT_THAT(message, HasSubstr("model.url: " + where.urls[0] + ": ")) << fault;
    EXPECT_THAT(message, HasSubstr(text)) << fault;
  }
  UmbridgeOptions lenient = options();
  lenient.urls = {url_ + "/fault/version-text/"};
  EXPECT_EQ(make(lenient)->num_qois(), 5);
}

TEST_F(Umbridge, NeedsANameWhereThereAreSeveralModels) {
  UmbridgeOptions nameless = options();
  nameless.name = "";
  UmbridgeOptions wrong = options();
  wrong.name = "backward";

  EXPECT_THAT(refusal(nameless).second,
              HasSubstr("one of the server's models (forward, other), found nothing"));
  EXPECT_THAT(refusal(wrong).second, HasSubstr("(forward, other), found `backward`"));
}

TEST_F(Umbridge, WaitsForAServerThatStartsAndNotForOneThatDoesNot) {
  auto server = std::make_unique<BackgroundProgram>(server_command());
  const std::string port = server->read_line();
  server.reset();
  UmbridgeOptions where = options();
  where.urls = {"http://127.0.0.1:" + port};
  where.start_timeout_s = 0.3;

  const auto [kind, message] = refusal(where);

  EXPECT_EQ(kind, ErrorKind::unavailable) << message;
  EXPECT_THAT(message, HasSubstr(where.urls[0] + "/Info: it cannot be reached"));
  where.start_timeout_s = 20.0;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    server = std::make_unique<BackgroundProgram>(server_command(port));
  });
  EXPECT_EQ(make(where)->num_qois(), 5);
  later.join();
}

TEST_F(Umbridge, LeaksNeitherThreadsNorDescriptorsOverFailures) {
  const auto all_faults = [&] {
    for (const char* const fault : {"close", "half", "garbage", "stall", "flood", "old", "500"}) {
      run(fault, 0.1);
    }
  };
  all_faults();
  const long descriptors = count_of("/proc/self/fd");
  const long threads = count_of("/proc/self/task");

  for (int i = 0; i < 5; ++i) {
    all_faults();
  }

  EXPECT_EQ(count_of("/proc/self/fd"), descriptors);
  EXPECT_EQ(count_of("/proc/self/task"), threads);
}

}  // namespace
}  // namespace invar::model_umbridge
