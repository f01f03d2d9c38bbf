#include "invar/isolation/isolated_model.hpp"

#include <array>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <stdexcept>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "isolation/message.hpp"
#include "support/connections.hpp"
#include "support/program.hpp"

namespace invar::isolation {
namespace {

using model::ModelRequest;
using model::ModelResult;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A model of one parameter that is a function; the processes in these tests do not start MPI.
class FunctionModel final : public model::Model {
 public:
  using Function = std::function<ModelResult(const ModelRequest&)>;
  explicit FunctionModel(Function function) : function_(std::move(function)) {}
  [[nodiscard]] Eigen::Index num_parameters() const override { return 1; }
  [[nodiscard]] Eigen::Index num_qois() const override { return 2; }
  ModelResult evaluate(const ModelRequest& request) override { return function_(request); }

 private:
  Function function_;
};

Host host_of(const FunctionModel::Function& function) {
  return [function](const std::string& /*blueprint*/, const Serve& serve) {
    // As in a program: the handlers of this test's MPI print a stack.
    for (const int signal : {SIGSEGV, SIGABRT}) {
      std::signal(signal, SIG_DFL);
    }
    serve([&] { return std::make_unique<FunctionModel>(function); });
  };
}

ModelRequest request(double parameter, std::int64_t id = 0) {
  return {Eigen::VectorXd::Constant(1, parameter), id};
}

ModelResult numbers(double a, double b) {
  return {.status = Status::ok, .message = "", .qois = Eigen::Vector2d(a, b)};
}

/// The process id, and the parameter doubled.
ModelResult who_and_twice(const ModelRequest& at) {
  return numbers(static_cast<double>(::getpid()), 2 * at.parameters[0]);
}

pid_t process_of(const ModelResult& result) {
  return static_cast<pid_t>(result.qois[0]);
}

/// Whether a process is there and no zombie.
bool is_alive(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string id;
  std::string name;
  std::string state;
  return static_cast<bool>(stat >> id >> name >> state) && state != "Z";
}

bool is_gone_soon(pid_t process) {
  for (int i = 0; i < 300 && is_alive(process); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return !is_alive(process);
}

TEST(IsolatedModel, GivesTheModelsAnswersFromAnotherProcess) {
  ForkServer server(host_of(who_and_twice));
  const auto model = make_isolated_model(server, {});

  const ModelResult first = model->evaluate(request(1.5));
  const ModelResult second = model->evaluate(request(2.5));

  EXPECT_EQ(model->num_parameters(), 1);
  EXPECT_EQ(model->num_qois(), 2);
  EXPECT_EQ(first.qois[1], 3.0);
  EXPECT_EQ(second.qois[1], 5.0);
  EXPECT_NE(process_of(first), ::getpid());
  EXPECT_EQ(process_of(first), process_of(second));
}

TEST(IsolatedModel, KeepsEveryBitAndTheId) {
  ForkServer server(host_of([](const ModelRequest& at) {
    return numbers(at.parameters[0], std::bit_cast<double>(at.id));
  }));
  const auto model = make_isolated_model(server, {});

  for (const std::uint64_t bits :
       {0x7ff8000000000001ULL, 0xfff80000deadbeefULL, 0x8000000000000000ULL, 1ULL}) {
    const ModelResult result = model->evaluate(request(std::bit_cast<double>(bits), 77));

    EXPECT_EQ(std::bit_cast<std::uint64_t>(result.qois[0]), bits);
    EXPECT_EQ(std::bit_cast<std::int64_t>(result.qois[1]), 77);
  }
}

TEST(IsolatedModel, KeepsWhatTheModelSaysOfAFailure) {
  ForkServer server(host_of([](const ModelRequest& at) -> ModelResult {
    if (at.id == 1) {
      return {.status = Status::model_failed, .message = "no convergence", .qois = {}};
    }
    if (at.id == 2) {
      throw std::runtime_error("out of range");
    }
    if (at.id == 3) {
      throw 3;  // NOLINT
    }
    return who_and_twice(at);
  }));
  const auto model = make_isolated_model(server, {});
  const pid_t process = process_of(model->evaluate(request(0)));

  const ModelResult failed = model->evaluate(request(0, 1));
  const ModelResult threw = model->evaluate(request(0, 2));
  const ModelResult threw_a_number = model->evaluate(request(0, 3));

  EXPECT_EQ(failed.status, Status::model_failed);
  EXPECT_EQ(failed.message, "no convergence");
  EXPECT_EQ(threw.status, Status::crashed);
  EXPECT_EQ(threw.message, "out of range");
  EXPECT_EQ(threw_a_number.status, Status::crashed);
  EXPECT_EQ(process_of(model->evaluate(request(0))), process) << "none of this ends the process";
}

TEST(IsolatedModel, LosesOneRunToASignalOrAnExit) {
  ForkServer server(host_of([](const ModelRequest& at) {
    if (at.id == 1) {
      std::raise(SIGSEGV);
    } else if (at.id == 2) {
      std::exit(3);
    } else if (at.id == 3) {
      std::raise(SIGKILL);
    }
    return who_and_twice(at);
  }));
  const auto model = make_isolated_model(server, {});
  const pid_t before = process_of(model->evaluate(request(0)));

  const ModelResult killed = model->evaluate(request(0, 1));
  const ModelResult after = model->evaluate(request(4));
  const ModelResult exited = model->evaluate(request(0, 2));
  const ModelResult no_memory = model->evaluate(request(0, 3));

  EXPECT_EQ(killed.status, Status::crashed);
  EXPECT_EQ(killed.message, "killed by signal 11 (Segmentation fault)");
  ASSERT_EQ(after.status, Status::ok) << after.message;
  EXPECT_EQ(after.qois[1], 8.0);
  EXPECT_NE(process_of(after), before);
  EXPECT_EQ(exited.status, Status::crashed);
  EXPECT_EQ(exited.message, "exited with code 3 in the middle of a run");
  EXPECT_EQ(no_memory.status, Status::crashed);
  EXPECT_THAT(no_memory.message, HasSubstr("memory"));
}

TEST(IsolatedModel, KillsARunThatTakesTooLong) {
  ForkServer server(host_of([](const ModelRequest& at) {
    const volatile bool is_wanted = at.id == 1;
    while (is_wanted) {
    }
    return who_and_twice(at);
  }));
  const auto model = make_isolated_model(server, {.blueprint = "", .timeout_s = 0.2});
  const pid_t before = process_of(model->evaluate(request(0)));

  const ModelResult late = model->evaluate(request(0, 1));
  const ModelResult after = model->evaluate(request(1));

  EXPECT_EQ(late.status, Status::timeout);
  EXPECT_EQ(late.message, "no answer within 0.2 s (evaluation.timeout_s)");
  EXPECT_FALSE(is_alive(before));
  ASSERT_EQ(after.status, Status::ok) << after.message;
}

TEST(IsolatedModel, CallsNoiseAndHalfAnAnswerBadOutput) {
  ForkServer server(host_of([](const ModelRequest& at) {
    std::string bytes;
    if (at.id == 1) {
      bytes = "Residual norm 1e-3\n";
    } else if (at.id == 2) {  // the right frame, with a QoI missing
      bytes = frame(MessageKind::reply, at.id, encode_result(who_and_twice(at)).substr(0, 24));
    } else if (at.id == 3) {  // of another run
      bytes = frame(MessageKind::reply, 99, encode_result(who_and_twice(at)));
    }
    for (const int descriptor : test::connections()) {
      [[maybe_unused]] const auto ignored = ::write(descriptor, bytes.data(), bytes.size());
    }
    return who_and_twice(at);
  }));
  const auto model = make_isolated_model(server, {});

  for (const std::int64_t id : {1, 2, 3}) {
    const ModelResult bad = model->evaluate(request(0, id));
    const ModelResult good = model->evaluate(request(static_cast<double>(id)));

    EXPECT_EQ(bad.status, Status::bad_output) << id;
    EXPECT_THAT(bad.message, HasSubstr("cannot be read"));
    ASSERT_EQ(good.status, Status::ok) << good.message;
    EXPECT_EQ(good.qois[1], 2.0 * static_cast<double>(id));
  }
}

TEST(IsolatedModel, TakesAnAnswerThatWasGivenBeforeTheEnd) {
  ForkServer server(host_of([](const ModelRequest& at) {
    if (at.id == 1) {
      const std::string bytes = frame(MessageKind::reply, at.id, encode_result(who_and_twice(at)));
      for (const int descriptor : test::connections()) {
        [[maybe_unused]] const auto ignored = ::write(descriptor, bytes.data(), bytes.size());
      }
      std::raise(SIGKILL);
    }
    return who_and_twice(at);
  }));
  const auto model = make_isolated_model(server, {});

  const ModelResult last_words = model->evaluate(request(3, 1));

  ASSERT_EQ(last_words.status, Status::ok) << last_words.message;
  EXPECT_TRUE(is_gone_soon(process_of(last_words)));
  const ModelResult next = model->evaluate(request(4));
  EXPECT_EQ(next.status, Status::ok) << "its end costs no other run: " << next.message;
}

TEST(IsolatedModel, LosesNoRunToAnEndBetweenRuns) {
  ForkServer server(host_of(who_and_twice));
  const auto model = make_isolated_model(server, {});
  const pid_t before = process_of(model->evaluate(request(0)));
  ::kill(before, SIGKILL);
  ASSERT_TRUE(is_gone_soon(before));

  const ModelResult after = model->evaluate(request(1));

  ASSERT_EQ(after.status, Status::ok) << after.message;
  EXPECT_NE(process_of(after), before);
}

TEST(IsolatedModel, IsMadeFromTheBlueprintAlsoWhenThatIsLong) {
  const std::string blueprint(5'000'000, 'x');
  ForkServer server([](const std::string& given, const Serve& serve) {
    serve([&] {
      return std::make_unique<FunctionModel>([&given](const ModelRequest& at) -> ModelResult {
        return {.status = Status::ok,
                .message = "",
                .qois = Eigen::VectorXd::Constant(1'000'000, at.parameters.sum()) *
                        static_cast<double>(given.size())};
      });
    });
  });
  const auto model = make_isolated_model(server, {.blueprint = blueprint, .timeout_s = 20.0});

  const ModelResult result =
      model->evaluate(ModelRequest(Eigen::VectorXd::Constant(1'000'000, 1e-6)));

  ASSERT_EQ(result.qois.size(), 1'000'000) << result.message;
  EXPECT_NEAR(result.qois[999'999], 5e6, 1.0);
}

TEST(IsolatedModel, PassesOnWhyAModelCannotBeMade) {
  const auto making = [](const std::function<void()>& fail) {
    ForkServer server([&](const std::string& /*blueprint*/, const Serve& serve) {
      serve([&]() -> std::unique_ptr<model::Model> {
        fail();
        return nullptr;
      });
    });
    make_isolated_model(server, {});
  };

  try {
    making([] { throw Error(ErrorKind::no_input, "mesh.msh is missing"); });
    ADD_FAILURE() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::no_input);
    EXPECT_STREQ(error.what(), "mesh.msh is missing");
  }
  try {
    making([] { throw std::out_of_range("index 7"); });
    ADD_FAILURE() << "expected an exception";
  } catch (const Error&) {
    ADD_FAILURE() << "it was none of ours";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "index 7");
  }
  try {
    making([] { std::raise(SIGKILL); });
    ADD_FAILURE() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("killed by signal 9 (Killed) while it built the model"));
  }
}

TEST(IsolatedModel, LosesOneRunToEachEndBeforeTheModelStandsAgain) {
  const test::ScratchFolder folder;
  const std::string marker = (folder / "built").string();
  ForkServer server([marker](const std::string& /*blueprint*/, const Serve& serve) {
    serve([&]() -> std::unique_ptr<model::Model> {
      if (std::filesystem::exists(marker)) {
        std::exit(7);
      }
      test::write_file(marker, "");
      return std::make_unique<FunctionModel>(
          [](const ModelRequest& at) -> ModelResult { std::exit(static_cast<int>(at.id)); });
    });
  });
  const auto model = make_isolated_model(server, {});

  const ModelResult first = model->evaluate(request(0, 4));
  const ModelResult second = model->evaluate(request(0, 4));
  const ModelResult third = model->evaluate(request(0, 4));

  EXPECT_EQ(first.message, "exited with code 4 in the middle of a run");
  for (const ModelResult& rebuilt : {second, third}) {
    EXPECT_EQ(rebuilt.status, Status::crashed);
    EXPECT_THAT(rebuilt.message, HasSubstr("exited with code 7 while it built the model"));
  }
}

TEST(IsolatedModel, DoesNotWaitForEverForAModelToStandAgain) {
  const test::ScratchFolder folder;
  const std::string marker = (folder / "built").string();
  ForkServer server([marker](const std::string& /*blueprint*/, const Serve& serve) {
    serve([&]() -> std::unique_ptr<model::Model> {
      while (std::filesystem::exists(marker)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      test::write_file(marker, "");
      return std::make_unique<FunctionModel>(
          [](const ModelRequest& /*at*/) -> ModelResult { std::exit(4); });
    });
  });
  const auto model = make_isolated_model(server, {.blueprint = "", .timeout_s = 0.1});
  model->evaluate(request(0));

  const ModelResult second = model->evaluate(request(0));

  EXPECT_EQ(second.status, Status::crashed);
  EXPECT_THAT(second.message, HasSubstr("did not get ready"));
}

/// Starts a process in its own group and a daemon, both sleeping; their ids.
ModelResult start_helpers(const ModelRequest& /*at*/) {
  int ends[2];
  if (::pipe(ends) != 0) {
    std::abort();
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
  }
  if (::fork() == 0) {
    ::setsid();
    const pid_t daemon = ::fork();
    if (daemon == 0) {
      ::pause();
    }
    [[maybe_unused]] const auto ignored = ::write(ends[1], &daemon, sizeof daemon);
    ::_exit(0);
  }
  pid_t daemon = 0;
  [[maybe_unused]] const auto ignored = ::read(ends[0], &daemon, sizeof daemon);
  return numbers(child, daemon);
}

TEST(IsolatedModel, LeavesNothingThatTheModelStarted) {
  ForkServer server(host_of([](const ModelRequest& at) {
    if (at.id == 1) {
      std::exit(3);
    }
    return start_helpers(at);
  }));
  const auto model = make_isolated_model(server, {});
  const ModelResult helpers = model->evaluate(request(0));
  const auto child = static_cast<pid_t>(helpers.qois[0]);
  const auto daemon = static_cast<pid_t>(helpers.qois[1]);
  ASSERT_TRUE(is_alive(child) && is_alive(daemon));

  model->evaluate(request(0, 1));

  EXPECT_FALSE(is_alive(child));
  EXPECT_FALSE(is_alive(daemon));
}

TEST(ForkServer, TakesItsChildrenWithItWhenItIsStopped) {
  ForkServer server(host_of(start_helpers));
  const ForkServer::Child idle = server.start();  // waits for a blueprint
  auto model = make_isolated_model(server, {});
  const ModelResult helpers = model->evaluate(request(0));

  server.stop();

  EXPECT_FALSE(is_alive(static_cast<pid_t>(helpers.qois[0])));
  EXPECT_FALSE(is_alive(static_cast<pid_t>(helpers.qois[1])));
  char byte = 0;
  EXPECT_EQ(::read(idle.channel.get(), &byte, 1), 0) << "its other end is closed";
  const ModelResult after = model->evaluate(request(0));
  EXPECT_EQ(after.status, Status::crashed);
  try {
    server.start();
    ADD_FAILURE() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), StartsWith("cannot start a process for the model"));
  }
}

TEST(ForkServer, TakesItsChildrenWithItWhenTheWorkerIsKilled) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t worker = ::fork();
  if (worker == 0) {
    ForkServer server(host_of(start_helpers));
    const auto model = make_isolated_model(server, {});
    const ModelResult helpers = model->evaluate(request(0));
    [[maybe_unused]] const auto ignored = ::write(ends[1], helpers.qois.data(), 16);
    ::pause();
  }
  std::array<double, 2> helpers{};
  ASSERT_EQ(::read(ends[0], helpers.data(), 16), 16);
  ASSERT_TRUE(is_alive(static_cast<pid_t>(helpers[0])));

  ::kill(worker, SIGKILL);
  ::waitpid(worker, nullptr, 0);

  EXPECT_TRUE(is_gone_soon(static_cast<pid_t>(helpers[0])));
  EXPECT_TRUE(is_gone_soon(static_cast<pid_t>(helpers[1])));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ForkServer, TakesItsChildrenWithItWhenItIsKilledAndTheRunsFail) {
  ForkServer server(host_of([](const ModelRequest& /*at*/) {
    return numbers(static_cast<double>(::getpid()), static_cast<double>(::getppid()));
  }));
  const auto model = make_isolated_model(server, {});
  const ModelResult who = model->evaluate(request(0));
  ::kill(static_cast<pid_t>(who.qois[1]), SIGKILL);
  ASSERT_TRUE(is_gone_soon(process_of(who)));

  const ModelResult first = model->evaluate(request(0));
  const ModelResult second = model->evaluate(request(0));

  EXPECT_EQ(first.status, Status::crashed);
  EXPECT_EQ(second.status, Status::crashed);
  EXPECT_THAT(second.message, HasSubstr("gone"));
}

TEST(ForkServer, GivesItsChildrenNothingOfTheJobAndNoSignalsOfIt) {
  ::setenv("OMPI_COMM_WORLD_SIZE_OF_A_TEST", "7", 1);
  ::setenv("PMIX_NAMESPACE_OF_A_TEST", "7", 1);
  ForkServer server(host_of([](const ModelRequest& /*at*/) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) {
      ::kill(::getpid(), signal);
    }
    std::ifstream file("/proc/self/oom_score_adj");
    double score = 0;
    file >> score;
    const bool is_clean = std::getenv("OMPI_COMM_WORLD_SIZE_OF_A_TEST") == nullptr &&
                          std::getenv("PMIX_NAMESPACE_OF_A_TEST") == nullptr &&
                          std::getenv("OMPI_MCA_ess_singleton_isolated") != nullptr &&
                          ::getpgid(0) == ::getpid();
    return numbers(score, is_clean ? 1 : 0);
  }));
  const auto model = make_isolated_model(server, {});

  const ModelResult result = model->evaluate(request(0));

  ASSERT_EQ(result.status, Status::ok) << result.message;
  EXPECT_EQ(result.qois[0], 1000.0);
  EXPECT_EQ(result.qois[1], 1.0);
  ::unsetenv("OMPI_COMM_WORLD_SIZE_OF_A_TEST");
  ::unsetenv("PMIX_NAMESPACE_OF_A_TEST");
}

}  // namespace
}  // namespace invar::isolation
