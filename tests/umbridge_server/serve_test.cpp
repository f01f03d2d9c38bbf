// `invar serve` and `type: umbridge` with each other, and clients that mean no good.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"
#include "invar/model_umbridge/umbridge.hpp"
#include "support/background.hpp"

namespace invar::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string linear_keys =
    "model:\n  type: linear\n  matrix: [[0.1, 0.2, 0.3], [0, 1, 0.7], [2, 0.2, 0.4], [1, 0, 1], "
    "[0.7, 0.3, 0.1], [0, 1, 1]]\n";

class Serve : public ProgramTest {
 protected:
  Serve() { write_file(folder_ / "linear.yaml", toy_study("", linear_keys)); }

  /// Starts a server on a free port and waits until it listens.
  void start(const std::string& arguments, int num_ranks) {
    server_ = std::make_unique<BackgroundProgram>(
        fmt::format("{} serve {} --port 0 2>{}", on_ranks(num_ranks, program()), arguments,
                    (folder_ / "server.err").string()));
    const std::string line = server_->read_line();
    url_ = line.substr(std::min(line.size(), line.find("http://")));
    ASSERT_THAT(line, HasSubstr("listening on http://127.0.0.1:"))
        << read_file(folder_ / "server.err");
  }

  [[nodiscard]] std::string study(const std::string& name) const {
    return (folder_ / name).string();
  }

  [[nodiscard]] std::string port() const { return url_.substr(url_.rfind(':') + 1); }

  [[nodiscard]] std::unique_ptr<model::Model> client() const {
    model_umbridge::UmbridgeOptions options;
    options.urls = {url_};
    return model_umbridge::make_umbridge_model(options, MPI_COMM_SELF);
  }

  void write_client_study() {
    write_file(folder_ / "client.yaml",
               toy_study("", "model: {type: umbridge, url: \"" + url_ + "\"}\n"));
  }

  std::unique_ptr<BackgroundProgram> server_;
  std::string url_;
};

TEST_F(Serve, GivesACampaignTheSameBitsAsTheModelLinkedIn) {
  ASSERT_EQ(invar("run linear.yaml --campaign linked").exit_code, 0);
  for (const int ranks : {1, 3}) {
    start(study("linear.yaml"), ranks);
    write_client_study();
    const std::string name = fmt::format("served{}", ranks);

    const ProgramResult run = invar("run client.yaml --campaign " + name, ranks);

    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(difference("linked", name), "");
    server_->signal(SIGUSR1);
    EXPECT_EQ(server_->wait(), 0) << read_file(folder_ / "server.err");
  }
}

TEST_F(Serve, GivesDerivativesToTheBit) {
  const Eigen::MatrixXd matrix{{0.1, 0.2, 0.3}, {0, 1, 0.7},     {2, 0.2, 0.4},
                               {1, 0, 1},       {0.7, 0.3, 0.1}, {0, 1, 1}};
  for (const int ranks : {1, 3}) {
    start(study("linear.yaml"), ranks);
    const auto model = client();
    ASSERT_TRUE(model->capabilities().vector_jacobian && model->capabilities().jacobian_vector);
    model::ModelRequest request(Eigen::Vector3d(1.0 / 3, -0.1, 1e-300));
    request.wants_jacobian = true;

    const auto result = model->evaluate(request);

    ASSERT_TRUE(result.is_ok()) << result.message;
    EXPECT_EQ(result.jacobian, matrix);
  }
}

TEST_F(Serve, UsesAllGroupsAtATime) {
  start(study("study.yaml") + " --set model.sleep_s=1", 3);
  const auto one = client();
  const auto other = client();
  const auto begin = std::chrono::steady_clock::now();

  std::thread beside([&] { EXPECT_TRUE(other->evaluate(Eigen::Vector3d(1, 1, 1)).is_ok()); });
  EXPECT_TRUE(one->evaluate(Eigen::Vector3d(1, 1, 1)).is_ok());
  beside.join();

  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1900));
}

TEST_F(Serve, TellsClientsWhyARunFailed) {
  start(study("study.yaml") +
            " --set model.throw_above=5 --set model.fail_above=6 "
            "--set model.nan_above=4",
        3);
  const auto model = client();

  const auto nan = model->evaluate(Eigen::Vector3d(4.5, 1, 1));
  const auto thrown = model->evaluate(Eigen::Vector3d(5.5, 1, 1));
  const auto failed = model->evaluate(Eigen::Vector3d(6.5, 1, 1));
  const auto good = model->evaluate(Eigen::Vector3d(1, 1, 1));

  EXPECT_EQ(nan.status, Status::model_failed);
  EXPECT_THAT(nan.message, HasSubstr("output is nan"));
  EXPECT_EQ(failed.status, Status::model_failed);
  EXPECT_THAT(failed.message, HasSubstr("InvalidOutput: model_failed"));
  EXPECT_EQ(thrown.status, Status::model_failed);
  EXPECT_THAT(thrown.message, HasSubstr("InvalidOutput: crashed"));
  EXPECT_TRUE(good.is_ok()) << good.message;
}

TEST_F(Serve, WritesAGroupOffThatHangsAndEndsWithoutAny) {
  start(study("study.yaml") + " --set model.hang_above=4 --set evaluation.timeout_s=0.3", 2);
  const auto model = client();
  model->limit_time(10.0);

  const auto hung = model->evaluate(Eigen::Vector3d(5, 1, 1));

  EXPECT_EQ(hung.status, Status::model_failed) << hung.message;
  EXPECT_THAT(hung.message, HasSubstr("timeout: no answer within 0.3 s"));
  EXPECT_EQ(server_->wait(), 69) << read_file(folder_ / "server.err");
}

TEST_F(Serve, CostsItsClientNoRankWhenARunIsLate) {
  start(study("study.yaml") + " --set model.sleep_s=3", 1);
  write_client_study();
  for (const int ranks : {1, 2}) {
    const std::string name = "late" + std::to_string(ranks);

    const ProgramResult run = invar(
        "run client.yaml --stop-after 1 --set inference.sample_size=4 "
        "--set evaluation.timeout_s=0.2 --set evaluation.failure_budget=1 --campaign " +
            name,
        ranks);

    EXPECT_EQ(run.exit_code, 69) << run.err;  // nothing is left to start from
    EXPECT_EQ(json::parse(invar("show " + name + " --json").out).at("failed"), 4);
    EXPECT_THAT(read_file(folder_ / name / "log.txt"),
                HasSubstr("/Evaluate: no answer within 0.2 s (evaluation.timeout_s)"));
  }
}

TEST_F(Serve, EndsInGoodOrderWhileClientsAreConnected) {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    start(study("linear.yaml"), 1);
    const auto model = client();
    ASSERT_TRUE(model->evaluate(Eigen::Vector3d(1, 1, 1)).is_ok());
    const auto begin = std::chrono::steady_clock::now();

    server_->signal(signal);

    EXPECT_EQ(server_->wait(), 0) << read_file(folder_ / "server.err");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  }
}

TEST_F(Serve, SaysThatItsPortIsTaken) {
  start(study("linear.yaml"), 1);

  const ProgramResult second = invar("serve linear.yaml --port " + port());
  const ProgramResult nowhere = invar("serve linear.yaml --port 0 --host 192.0.2.1");

  EXPECT_EQ(second.exit_code, 74) << second.err;
  EXPECT_THAT(second.err, HasSubstr("127.0.0.1:" + port() + " cannot be listened on"));
  EXPECT_EQ(nowhere.exit_code, 74) << nowhere.err;
}

TEST_F(Serve, SurvivesClientsThatMeanNoGood) {
  for (const int ranks : {1, 3}) {
    start(study("study.yaml"), ranks);
    // Under mpiexec the server is a child of what was started.
    const std::string pid =
        ranks == 1
            ? std::to_string(server_->process())
            : run_shell(fmt::format("pgrep -P {} -o invar_with_toy", server_->process())).out;
    const int connections = endurance_scale() < 1.0 ? 200 : 1000;

    const ProgramResult clients =
        run_shell(fmt::format("python3 {}/tests/umbridge_server/clients.py {} {} {}",
                              INVAR_SOURCE_DIR, port(), std::stoi(pid), connections),
                  200);

    EXPECT_EQ(clients.exit_code, 0) << clients.err << read_file(folder_ / "server.err");
    EXPECT_THAT(clients.out, HasSubstr("served as ever"));
  }
}

/// The figure, and a limit that only a stall of the connection would exceed.
TEST_F(Serve, CostsAFractionOfAMillisecondPerRun) {
  for (const int ranks : {1, 2}) {
    start(study("linear.yaml"), ranks);
    const auto model = client();
    const Eigen::Vector3d at(1, 2, 3);
    std::vector<double> times;
    for (int i = 0; i < 1000; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      ASSERT_TRUE(model->evaluate(at).is_ok());
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - begin;
      times.push_back(took.count());
    }
    std::nth_element(times.begin(), times.begin() + 500, times.end());

    fmt::print("{} ranks: median {:.3f} ms per run\n", ranks, times[500]);
    EXPECT_LT(times[500], 5.0);
  }
}

}  // namespace
}  // namespace invar::test
