#include "support/faulty_model.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "support/connections.hpp"
#include "support/toy_model.hpp"

namespace invar::test {
namespace {

[[noreturn]] void hang() {
  while (true) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

/// Writes to every connection of this process with another one on this machine.
void write_noise() {
  for (const int descriptor : connections()) {
    [[maybe_unused]] const auto ignored = ::write(descriptor, "Residual norm 1e-3\n", 19);
  }
}

void use_up_memory() {
  constexpr std::size_t megabyte = std::size_t{1} << 20U;
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  long pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  limit.rlim_cur =
      static_cast<std::size_t>(pages) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) +
      16 * megabyte;
  ::setrlimit(RLIMIT_AS, &limit);
  std::vector<std::vector<char>> held;
  try {
    while (true) {
      held.emplace_back(megabyte);
    }
  } catch (const std::bad_alloc&) {
    held.clear();
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_AS, &limit);
    throw;
  }
}

/// One process in the group, and one that left it and whose parent is gone.
void leave_children() {
  if (::fork() == 0) {
    hang();
  }
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) {
      hang();
    }
    ::_exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

class FaultyModel final : public model::Model {
 public:
  FaultyModel(FaultyOptions options, std::unique_ptr<model::Model> toy)
      : options_(std::move(options)), toy_(std::move(toy)) {
    if (options_.fault == Fault::build ||
        (options_.fault == Fault::rebuild && std::filesystem::exists(options_.marker))) {
      std::abort();
    }
    if (options_.fault == Fault::rebuild) {
      std::ofstream(options_.marker) << "built\n";
    }
  }

  [[nodiscard]] Eigen::Index num_parameters() const override { return toy_->num_parameters(); }
  [[nodiscard]] Eigen::Index num_qois() const override { return toy_->num_qois(); }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    model::ModelResult result = toy_->evaluate(request);
    if (is_faulty(request.id, options_.rate)) {
      act(options_.fault == Fault::mixed ? mixed_fault(request.id) : options_.fault, result);
    }
    return result;
  }

 private:
  void act(Fault fault, model::ModelResult& result) const {
    switch (fault) {
      case Fault::exit:
        std::exit(3);  // NOLINT(concurrency-mt-unsafe)
      case Fault::signal:
        std::raise(options_.signal);
        return;
      case Fault::hang:
        hang();
      case Fault::garbage:
        write_noise();
        return;
      case Fault::wrong_size:
        result.qois = Eigen::VectorXd::Zero(result.qois.size() + 1);
        return;
      case Fault::nan:
        result.qois[0] = std::numeric_limits<double>::quiet_NaN();
        return;
      case Fault::throws:
        throw std::runtime_error("the model is broken");
      case Fault::fails:
        result = {.status = Status::model_failed, .message = "it says so", .qois = {}};
        return;
      case Fault::memory:
        use_up_memory();
        return;
      case Fault::slow:
        std::this_thread::sleep_for(std::chrono::duration<double>(options_.seconds));
        return;
      case Fault::children:
        leave_children();
        std::exit(3);  // NOLINT(concurrency-mt-unsafe)
      case Fault::abort:
      case Fault::build:
      case Fault::rebuild:
      case Fault::mixed:
        std::abort();
    }
  }

  FaultyOptions options_;
  std::unique_ptr<model::Model> toy_;
};

}  // namespace

model::ModelType faulty_model() {
  using options::Range;
  static const options::Table<FaultyOptions> table({
      options::choice("fault", &FaultyOptions::fault,
                      {{Fault::exit, "exit"},
                       {Fault::signal, "signal"},
                       {Fault::abort, "abort"},
                       {Fault::hang, "hang"},
                       {Fault::garbage, "garbage"},
                       {Fault::wrong_size, "wrong_size"},
                       {Fault::nan, "nan"},
                       {Fault::throws, "throw"},
                       {Fault::fails, "fails"},
                       {Fault::memory, "memory"},
                       {Fault::slow, "slow"},
                       {Fault::build, "build"},
                       {Fault::rebuild, "rebuild"},
                       {Fault::children, "children"},
                       {Fault::mixed, "mixed"}},
                      "what a faulty run does"),
      options::real("rate", &FaultyOptions::rate, Range::between(0, 1), "share of faulty runs"),
      options::integer("signal", &FaultyOptions::signal, Range::between(1, 31), "what is raised"),
      options::real("seconds", &FaultyOptions::seconds, Range::at_least(0), "of a slow run", "s"),
      options::text("marker", &FaultyOptions::marker, "a file, absolute"),
  });
  return model::make_model_type<FaultyOptions>(
      "faulty", "the toy model, with faults that the id of the evaluation decides", table,
      [](const FaultyOptions& options, const model::ProblemSizes& sizes, MPI_Comm /*group*/) {
        return std::make_unique<FaultyModel>(options, make_toy_model({}, sizes));
      });
}

}  // namespace invar::test
