// What recording costs: the same rounds with and without the campaign's store, for models of 0.1,
// 1 and 10 ms; one model at a time, so that nothing hides it. Segments close as they do by default.
//
//   journal_cost [FOLDER] [SECONDS]     a folder on the disk of interest (default .), and about how
//                                       long each measurement takes (default 10); the best of three
//                                       counts, since other programs only add to it
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <thread>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include "invar/method/method.hpp"
#include "invar/store/campaign_store.hpp"
#include "invar/store/create_campaign.hpp"

namespace {

using namespace invar;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr Eigen::Index num_parameters = 16;
constexpr Eigen::Index num_qois = 32;
constexpr Eigen::Index batch_size = 64;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Takes so many seconds, to the microsecond, without a core of its own for most of them.
method::Evaluation run_model(double seconds) {
  const auto start = Clock::now();
  if (seconds > 0.0005) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds - 0.0003));
  }
  while (seconds_since(start) < seconds) {
  }
  method::Evaluation evaluation;
  evaluation.qois = Eigen::VectorXd::Constant(num_qois, 1.0);
  evaluation.wall_seconds = seconds;
  evaluation.host = "localhost";
  return evaluation;
}

/// Asks for the same points forever.
class Repeat final : public method::Method {
 public:
  method::Batch ask() override {
    return {.round = round_,
            .first_id = round_ * batch_size,
            .points = Eigen::MatrixXd::Constant(num_parameters, batch_size, 0.5)};
  }
  void tell(const method::BatchResult& /*result*/) override { ++round_; }
  [[nodiscard]] method::RoundDiagnostics diagnostics() const override {
    return {.scalars = {{"elbo", -1.0}},
            .mean = Eigen::VectorXd::Zero(num_parameters),
            .std = Eigen::VectorXd::Ones(num_parameters),
            .proposal_mean = Eigen::VectorXd::Zero(num_parameters),
            .proposal_std = Eigen::VectorXd::Ones(num_parameters),
            .messages = {}};
  }
  [[nodiscard]] method::StopReason stop_reason() const override { return method::StopReason::none; }
  [[nodiscard]] std::optional<method::Posterior> posterior() const override { return {}; }
  [[nodiscard]] method::State state() const override {
    method::State state;
    state.set("round", round_);
    return state;
  }
  void restore(const method::State& state) override { round_ = state.get<std::int64_t>("round"); }
  [[nodiscard]] bool has_target_of(const method::State& /*state*/) const override { return true; }
  void rescore(const method::State& state, std::int64_t /*num_given_up*/) override {
    restore(state);
  }

 private:
  std::int64_t round_ = 0;
};

/// Seconds per evaluation of so many rounds. @param store  null: nothing is recorded
double measure(store::CampaignStore* store, double model_seconds, std::int64_t num_rounds) {
  Repeat method;
  const auto start = Clock::now();
  for (std::int64_t round = 0; round < num_rounds; ++round) {
    const method::Batch batch = method.ask();
    method::BatchResult result;
    if (store != nullptr) {
      store->begin_batch(batch);
    }
    for (Eigen::Index sample = 0; sample < batch_size; ++sample) {
      result.evaluations.push_back(run_model(model_seconds));
      if (store != nullptr) {
        store->record(batch, sample, result.evaluations.back());
      }
    }
    method.tell(result);
    if (store != nullptr) {
      store->commit(round, method.diagnostics(), 0.0, method);
    }
  }
  if (store != nullptr) {
    store->close_segment(method);
  }
  return seconds_since(start) / static_cast<double>(num_rounds * batch_size);
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path folder = fs::path(argc > 1 ? argv[1] : ".") /
                          fmt::format("journal-cost-{}", static_cast<int>(::getpid()));
  const double seconds = argc > 2 ? std::atof(argv[2]) : 10.0;
  fmt::print("{} parameters, {} QoIs, batches of {}\n", num_parameters, num_qois, batch_size);
  fmt::print("{:>9}  {:>14}  {:>14}  {:>10}\n", "model", "without store", "with store",
             "throughput");
  for (const double model_seconds : {1e-4, 1e-3, 1e-2}) {
    const auto num_rounds =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds / model_seconds / batch_size));
    double without = std::numeric_limits<double>::infinity();
    double with = without;
    for (int repetition = 0; repetition < 3; ++repetition) {
      without = std::min(without, measure(nullptr, model_seconds, num_rounds));
      store::create_campaign(folder, {.study_text = "invar: 1\n", .data_files = {}});
      {
        store::CampaignStore store(folder);
        with = std::min(with, measure(&store, model_seconds, num_rounds));
      }
      fs::remove_all(folder);
    }
    fmt::print("{:6.1f} ms  {:11.4f} ms  {:11.4f} ms  {:9.2f}%\n", 1e3 * model_seconds,
               1e3 * without, 1e3 * with, 100.0 * without / with);
  }
  return 0;
}
