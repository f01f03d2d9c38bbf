// Models that crash, hang and lie, at rates from one in a hundred to most: every faulty run is one
// failure with its reason, every other run counts, and the estimate stays right. Which evaluations
// are faulty is a function of their ids (`is_faulty`), so the expected sets are exact.
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"
#include "invar/store/summary.hpp"
#include "support/faulty_model.hpp"

namespace invar::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

/// What a record of a faulty run says, when the model has a process of its own.
struct Expected {
  std::string name;  // of the fault
  std::string status;
  std::string message;
};

const std::map<Fault, Expected>& expected_faults() {
  static const std::map<Fault, Expected> all = {
      {Fault::exit, {"exit", "crashed", "exited with code 3 in the middle of a run"}},
      {Fault::signal, {"signal", "crashed", "killed by signal 11 (Segmentation fault)"}},
      {Fault::abort, {"abort", "crashed", "killed by signal 6 (Aborted)"}},
      {Fault::hang, {"hang", "timeout", "no answer within 0.3 s (evaluation.timeout_s)"}},
      {Fault::garbage, {"garbage", "bad_output", "cannot be read"}},
      {Fault::wrong_size, {"wrong_size", "bad_output", "expected 6 QoIs, found 7"}},
      {Fault::nan, {"nan", "non_finite", "QoI 0 is nan"}},
      {Fault::throws, {"throw", "crashed", "the model is broken"}},
      {Fault::fails, {"fails", "model_failed", "it says so"}},
      {Fault::memory, {"memory", "crashed", "bad_alloc"}}};
  return all;
}

class Faults : public ProgramTest {
 protected:
  /// One batch of the faulty model.
  struct Batch {
    std::string fault = "mixed";
    double rate = 0.1;
    int size = 64;
    int num_ranks = 1;
    std::string more = {};  // on the command line
  };

  ProgramResult run(const Batch& batch, const std::string& campaign = "campaign") {
    fs::remove_all(folder_ / campaign);
    return invar(
        fmt::format("run study.yaml --campaign {} --stop-after 1 --set model.type=faulty --set "
                    "model.fault={} --set model.rate={} --set inference.sample_size={} --set "
                    "evaluation.failure_budget=1 {}",
                    campaign, batch.fault, batch.rate, batch.size, batch.more),
        batch.num_ranks);
  }

  /// Runs it in processes of its own.
  ProgramResult run_isolated(Batch batch) {
    batch.more += " --set model.isolation=process --set evaluation.timeout_s=0.3";
    return run(batch);
  }

  json shown(const std::string& campaign = "campaign") {
    return json::parse(invar("show " + campaign + " --json").out);
  }

  /// The records of failed evaluations, by id.
  std::map<std::int64_t, json> failures() {
    std::map<std::int64_t, json> found;
    if (fs::exists(folder_ / "campaign/failed")) {
      for (const auto& entry : fs::directory_iterator(folder_ / "campaign/failed")) {
        const json record = json::parse(read_file(entry.path() / "evaluation.json"));
        found[record.at("id").get<std::int64_t>()] = record;
      }
    }
    return found;
  }

  void expect_exactly_the_faulty(const Batch& batch, const std::function<Fault(std::int64_t)>& of) {
    const auto records = failures();
    std::size_t num_faulty = 0;
    for (std::int64_t id = 0; id < batch.size; ++id) {
      const auto record = records.find(id);
      ASSERT_EQ(record != records.end(), is_faulty(id, batch.rate)) << "evaluation " << id;
      if (record != records.end()) {
        ++num_faulty;
        const Expected& expected = expected_faults().at(of(id));
        EXPECT_EQ(record->second.at("status"), expected.status) << expected.name;
        EXPECT_THAT(record->second.at("message").get<std::string>(), HasSubstr(expected.message));
      }
    }
    const json state = shown();
    EXPECT_EQ(state.at("evaluations"), batch.size);
    EXPECT_EQ(state.at("failed"), num_faulty);
    EXPECT_GT(num_faulty, 0U);
  }
};

TEST_F(Faults, OfEveryKindCostOneRunEach) {
  if (endurance_scale() < 1.0) {
    GTEST_SKIP() << "at full length only; the mixed faults have all kinds";
  }
  for (const auto& [fault, expected] : expected_faults()) {
    for (const double rate : {0.01, 0.1, 0.6}) {
      for (const int num_ranks : {1, 3}) {
        const Batch batch{
            .fault = expected.name, .rate = rate, .size = 128, .num_ranks = num_ranks};

        const ProgramResult result = run_isolated(batch);

        ASSERT_EQ(result.exit_code, 75) << expected.name << result.err;
        const Fault the_fault = fault;
        expect_exactly_the_faulty(batch, [&](std::int64_t) { return the_fault; });
      }
    }
  }
}

TEST_F(Faults, MixedCostOneRunEachAtEveryRate) {
  for (const int num_ranks : {1, 3}) {
    for (const double rate : {0.01, 0.1, 0.6}) {
      const Batch batch{.rate = rate, .size = rate > 0.5 ? 64 : 128, .num_ranks = num_ranks};

      const ProgramResult result = run_isolated(batch);

      ASSERT_EQ(result.exit_code, 75) << result.err;
      expect_exactly_the_faulty(batch, mixed_fault);
    }
  }
}

TEST_F(Faults, EndTheCampaignWhenTheyExceedTheBudget) {
  const std::string isolated =
      "run study.yaml --set model.type=faulty --set model.fault=mixed "
      "--set model.rate=0.6 --set model.isolation=process --set "
      "evaluation.timeout_s=0.3 --set "
      "inference.optimizer_config.max_iterations=3 ";

  const ProgramResult strict = invar(isolated + "--campaign strict", 3);
  const ProgramResult patient =
      invar(isolated + "--campaign patient --set evaluation.failure_budget=1", 3);

  EXPECT_EQ(strict.exit_code, 69) << strict.err;
  EXPECT_THAT(strict.err, HasSubstr("too_many_failures"));
  EXPECT_EQ(shown("strict").at("evaluations"), 16) << "the batch is on record";
  EXPECT_EQ(patient.exit_code, 0) << patient.err;
  EXPECT_EQ(shown("patient").at("status"), "finished");
}

TEST_F(Faults, AreTriedAgainAsOftenAsTheStudySays) {
  for (const int num_ranks : {1, 3}) {
    const Batch batch{.fault = "exit",
                      .rate = 0.1,
                      .size = 32,
                      .num_ranks = num_ranks,
                      .more = "--set evaluation.retries=2"};

    ASSERT_EQ(run_isolated(batch).exit_code, 75);

    expect_exactly_the_faulty(batch, [](std::int64_t) { return Fault::exit; });
    for (const auto& [id, record] : failures()) {
      EXPECT_EQ(record.at("attempts"), 3);
    }
  }
}

TEST_F(Faults, ThatHangCostTheTimeoutAndNoGroup) {
  // One group: without isolation the first of them would end the campaign.
  const Batch batch{.fault = "hang", .rate = 0.1, .size = 64, .num_ranks = 2};

  ASSERT_EQ(run_isolated(batch).exit_code, 75);

  expect_exactly_the_faulty(batch, [](std::int64_t) { return Fault::hang; });
  for (const auto& [id, record] : failures()) {
    EXPECT_EQ(record.at("group"), 0);
    EXPECT_GE(record.at("wall_seconds"), 0.3);
    EXPECT_LT(record.at("wall_seconds"), 3.0);
  }
}

TEST_F(Faults, LeaveTheEstimateWithinItsStandardError) {
  // Faults know nothing of the point, so the survivors are a random subset of the batch: the
  // difference of the two means has a variance of sigma^2 (1 / survivors - 1 / all), less than the
  // squared standard error of the survivors' mean. Four of these: wrong once in 16,000 seeds.
  const std::string plain = "--set inference.sampling_method=mc";
  ASSERT_EQ(run({.rate = 0.0, .size = 256, .more = plain}, "all").exit_code, 75);
  const json all = shown("all");
  for (const double rate : {0.1, 0.6}) {
    const Batch batch{.fault = "throw", .rate = rate, .size = 256, .more = plain};

    ASSERT_EQ(run_isolated(batch).exit_code, 75);

    const json survivors = shown();
    ASSERT_GT(survivors.at("failed"), 10);
    const double standard_error =
        store::read_summary(folder_ / "campaign").posterior.value().elbo_standard_error;
    ASSERT_GT(standard_error, 0.0);
    EXPECT_NE(survivors.at("elbo"), all.at("elbo"));
    EXPECT_NEAR(survivors.at("elbo").get<double>(), all.at("elbo").get<double>(),
                4.0 * standard_error)
        << "rate " << rate;
  }
}

TEST_F(Faults, ThatHangWithoutIsolationCostAGroupEach) {
  // The slow runs answer after they were given up, while the campaign still works: nobody listens.
  int num_faulty = 0;
  for (std::int64_t id = 0; id < 64; ++id) {
    num_faulty += is_faulty(id, 0.05) ? 1 : 0;
  }
  const int num_ranks = num_faulty + 3;
  for (const std::string fault : {"hang", "slow"}) {
    const ProgramResult result =
        run({.fault = fault,
             .rate = 0.05,
             .size = 64,
             .num_ranks = num_ranks,
             .more = "--set model.seconds=0.6 --set evaluation.timeout_s=0.4"});

    EXPECT_EQ(result.exit_code, 75) << result.err;
    const auto records = failures();
    EXPECT_EQ(records.size(), static_cast<std::size_t>(num_faulty)) << fault;
    std::set<int> groups;
    for (const auto& [id, record] : records) {
      EXPECT_TRUE(is_faulty(id, 0.05)) << id;
      EXPECT_EQ(record.at("status"), "timeout");
      groups.insert(record.at("group").get<int>());
    }
    EXPECT_EQ(groups.size(), records.size()) << "each took another group with it";
    EXPECT_EQ(shown().at("evaluations"), 64);
    EXPECT_EQ(shown().at("status"), "stopped");
  }
}

}  // namespace
}  // namespace invar::test
