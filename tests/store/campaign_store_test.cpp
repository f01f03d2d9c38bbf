#include "invar/store/campaign_store.hpp"

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "invar/core/error.hpp"
#include "invar/store/summary.hpp"
#include "store/files.hpp"
#include "store/hdf5.hpp"
#include "store/history.hpp"
#include "store/restart_file.hpp"
#include "store/sealed_file.hpp"
#include "store/support/campaign.hpp"
#include "store/support/campaign_difference.hpp"

namespace invar::store {
namespace {

namespace fs = std::filesystem;
using testing::ChainMethod;
using testing::closing_every_round;
using testing::finish_small;
using testing::make_small_method;
using testing::never_closing;
using testing::run_campaign;
using testing::run_small;
using testing::small_d;
using testing::small_m;
using testing::small_n;
using testing::small_rounds;
using testing::TemporaryDirectory;

TEST(CampaignStore, CountsAsItGoes) {
  const TemporaryDirectory directory;
  run_small(directory / "c", closing_every_round(), {.runs = 2 * small_n + 3, .closes = false});

  const CampaignStore store(directory / "c");

  ASSERT_TRUE(store.restart_point().has_value());
  EXPECT_EQ(store.restart_point()->num_rounds, 2);
  EXPECT_EQ(store.restart_point()->num_evaluations, 2 * small_n);
  EXPECT_EQ(store.restart_point()->elapsed_seconds, 0.25);
  EXPECT_EQ(store.num_rounds(), 2);
  EXPECT_EQ(store.num_evaluations(), 2 * small_n + 3);
  EXPECT_GT(store.num_failed(), 0);
}

TEST(CampaignStore, KeepsAStateToTheBit) {
  const TemporaryDirectory directory;
  run_small(directory / "c", closing_every_round());
  CampaignStore store(directory / "c");
  ChainMethod method = make_small_method();
  method.restore(store.restart_point()->state);

  const method::State expected = method.state();
  const method::State& found = store.restart_point()->state;

  ASSERT_EQ(found.values().size(), expected.values().size());
  for (const auto& [name, value] : expected.values()) {
    EXPECT_TRUE(found.values().at(name) == value) << name;
  }
}

TEST(CampaignStore, ClosesASegmentWhenTheJournalIsLarge) {
  const TemporaryDirectory directory;
  StoreOptions options = never_closing();
  options.segment_megabytes = 0.0022;  // two rounds
  run_small(directory / "c", options);

  EXPECT_EQ(list_history(directory / "c").size(), 3U);
}

TEST(CampaignStore, KeepsTheNewestRestartFiles) {
  const TemporaryDirectory directory;
  StoreOptions options = closing_every_round();
  options.restart_files_to_keep = 2;
  run_small(directory / "c", options);

  EXPECT_EQ(list_restart_files(directory / "c"),
            (std::vector<std::int64_t>{small_rounds - 1, small_rounds}));
}

TEST(CampaignStore, RefusesAnotherBatchForARecordedRound) {
  for (const bool is_in_history : {false, true}) {
    const TemporaryDirectory directory;
    run_small(directory / "c", is_in_history ? closing_every_round() : never_closing(),
              {.runs = small_n + 1, .closes = false});
    fs::remove_all(directory / "c/restart");
    CampaignStore store(directory / "c");
    method::Batch batch = make_small_method().ask();
    batch.points(1, 2) += 1e-15;

    try {
      store.begin_batch(batch);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find("round 0"), std::string::npos);
    }
  }
}

TEST(CampaignStore, RefusesAReplayedRoundThatDiffers) {
  for (const bool is_in_history : {false, true}) {
    const TemporaryDirectory directory;
    run_small(directory / "c", is_in_history ? closing_every_round() : never_closing(),
              {.runs = 2 * small_n + 1, .closes = false});
    fs::remove_all(directory / "c/restart");
    CampaignStore store(directory / "c");
    ChainMethod method = make_small_method();
    method.bias = 1e-12;

    try {
      run_campaign(store, method, small_m);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find("round 0"), std::string::npos);
      EXPECT_NE(std::string(error.what()).find("elbo"), std::string::npos);
    }
  }
}

TEST(CampaignStore, WritesACapsuleForEveryFailure) {
  const TemporaryDirectory directory;
  run_small(directory / "c", never_closing());
  const CampaignStore store(directory / "c");

  const auto capsules = list_directory(directory / "c/failed");
  ASSERT_EQ(static_cast<std::int64_t>(capsules.size()), store.num_failed());
  const auto json = nlohmann::json::parse(
      testing::bytes_of(directory / "c/failed" / capsules.front() / "evaluation.json"));
  EXPECT_EQ(json.at("id"), std::stoll(capsules.front()));
  EXPECT_EQ(json.at("status"), "model_failed");
  EXPECT_EQ(json.at("message"), "no convergence after 50 steps");
  EXPECT_EQ(json.at("host"), "node01");
  EXPECT_EQ(json.at("attempts"), 2);
  // Run again with these parameters, the model fails again: they are the same to the bit.
  const auto parameters = json.at("parameters").get<std::vector<double>>();
  const Eigen::VectorXd point = Eigen::Map<const Eigen::VectorXd>(parameters.data(), small_d);
  EXPECT_EQ(testing::run_model(point, small_m).status, method::Status::model_failed);
}

TEST(CampaignStore, ReplacesItsStatus) {
  const TemporaryDirectory directory;
  create_campaign(directory / "c", {.study_text = "invar: 1\n", .data_files = {}});
  CampaignStore store(directory / "c");

  store.write_status(R"({"status": "running"})");
  store.write_status("{}");

  EXPECT_EQ(testing::bytes_of(directory / "c/status.json"), "{}");
  EXPECT_EQ(store.log_path(), directory / "c/log.txt");
}

TEST(CampaignStore, SaysWhenItCannotWrite) {
  const TemporaryDirectory directory;
  create_campaign(directory / "c", {.study_text = "invar: 1\n", .data_files = {}});
  fs::remove(directory / "c/history");
  testing::overwrite(directory / "c/history", "a file in place of a folder");

  try {
    CampaignStore store(directory / "c", closing_every_round());
    ChainMethod method = make_small_method();
    run_campaign(store, method, small_m);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
  }
}

/// A full disk, met after so many bytes of a file: the program ends with Error(io), and the
/// campaign goes on once there is room.
TEST(CampaignStore, CanBeResumedAfterAFullDisk) {
  const TemporaryDirectory directory;
  const fs::path reference = testing::make_reference(directory);
  for (const rlim_t bytes : {100UL, 600UL, 1500UL, 3000UL, 8000UL, 12000UL, 30000UL}) {
    fs::remove_all(directory / "c");
    create_campaign(directory / "c", {.study_text = "invar: 1\n", .data_files = {}});
    const pid_t child = ::fork();
    if (child == 0) {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      int code = 0;
      try {
        finish_small(directory / "c", closing_every_round());
      } catch (const Error& error) {
        code = error.exit_code();
      }
      std::exit(code);  // with what libhdf5 does at the end
    }
    int status = 0;
    ::waitpid(child, &status, 0);

    EXPECT_TRUE(WIFEXITED(status)) << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(ErrorKind::io)) << bytes << " bytes";
    EXPECT_NO_THROW(finish_small(directory / "c"));
    EXPECT_EQ(testing::campaign_difference(reference, directory / "c/campaign.h5"), std::nullopt);
  }
}

TEST(CampaignStore, SurvivesKillsAtRandomMoments) {
  const TemporaryDirectory directory;
  const fs::path reference = testing::make_reference(directory);
  create_campaign(directory / "c", {.study_text = "invar: 1\n", .data_files = {}});
  for (unsigned microseconds = 1000; microseconds < 40000; microseconds += 1300) {
    const pid_t child = ::fork();
    if (child == 0) {
      StoreOptions options = closing_every_round();
      options.lock_timeout_s = 10.0;
      finish_small(directory / "c", options);
      ::_exit(0);
    }
    ::usleep(microseconds);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }

  finish_small(directory / "c");

  EXPECT_EQ(testing::campaign_difference(reference, directory / "c/campaign.h5"), std::nullopt);
}

RestartPoint read_restart(const fs::path& campaign,
                          std::optional<std::int64_t> num_rounds = std::nullopt) {
  return read_restart_file(find_restart_file(campaign, num_rounds));
}

TEST(ReadRestart, FindsTheNewestOrTheOneAskedFor) {
  const TemporaryDirectory directory;
  run_small(directory / "c", closing_every_round());

  EXPECT_EQ(read_restart(directory / "c").num_rounds, small_rounds);
  EXPECT_EQ(read_restart(directory / "c", 2).num_rounds, 2);
  EXPECT_EQ(read_restart(directory / "c", 2).state.get<std::int64_t>("round"), 2);
  EXPECT_EQ(read_restart(directory / "c", 2).elapsed_seconds, 0.25);
}

TEST(ReadRestart, SaysWhatThereIs) {
  const TemporaryDirectory directory;
  run_small(directory / "c", closing_every_round());
  const auto failure = [&](const fs::path& path, std::optional<std::int64_t> round) {
    try {
      read_restart(path, round);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::internal, "none");
  };

  EXPECT_EQ(failure(directory / "nowhere", std::nullopt).kind(), ErrorKind::no_input);
  EXPECT_EQ(failure(directory / "c", 77).kind(), ErrorKind::no_input);
  EXPECT_NE(std::string(failure(directory / "c", 77).what()).find("1, 2, 3"), std::string::npos);
  testing::flip_byte(restart_path(directory / "c", 2), 1000);
  EXPECT_EQ(failure(directory / "c", 2).kind(), ErrorKind::data);
}

TEST(ReadSummary, LooksWithoutTheLock) {
  const TemporaryDirectory directory;
  run_small(directory / "c", closing_every_round(), {.runs = 2 * small_n + 3, .closes = false});
  CampaignStore store(directory / "c");
  store.write_status(R"({"status": "running"})");

  const CampaignSummary summary = read_summary(directory / "c");

  EXPECT_EQ(summary.status_json, R"({"status": "running"})");
  EXPECT_EQ(summary.num_rounds, 2);
  EXPECT_EQ(summary.num_evaluations, 2 * small_n + 3);
  EXPECT_EQ(summary.num_failed, store.num_failed());
  EXPECT_EQ(summary.num_journalled, 3);
  EXPECT_FALSE(summary.posterior.has_value());
  EXPECT_TRUE(summary.notes.empty());
}

TEST(ReadSummary, HasThePosteriorOfAPackedCampaign) {
  const TemporaryDirectory directory;
  run_small(directory / "c", closing_every_round());
  finish_small(directory / "c");

  const CampaignSummary summary = read_summary(directory / "c");

  ASSERT_TRUE(summary.posterior.has_value());
  EXPECT_EQ(summary.posterior->names, (std::vector<std::string>{"p0", "p1", "p2"}));
  EXPECT_EQ(summary.posterior->units, (std::vector<std::string>{"m", "m", "m"}));
  EXPECT_EQ(summary.posterior->mean.size(), small_d);
  EXPECT_EQ(summary.posterior->covariance(1, 1),
            summary.posterior->std(1) * summary.posterior->std(1));
  EXPECT_EQ(summary.posterior->elbo_standard_error, 0.5);
}

TEST(ReadSummary, NamesDamagedFiles) {
  const TemporaryDirectory directory;
  run_small(directory / "c", closing_every_round());
  finish_small(directory / "c");
  testing::flip_byte(directory / "c/campaign.h5", 2000);
  testing::flip_byte(history_path(directory / "c", 0), 5);

  const CampaignSummary summary = read_summary(directory / "c");

  EXPECT_EQ(summary.notes.size(), 2U);
  EXPECT_FALSE(summary.posterior.has_value());
  EXPECT_THROW(read_summary(directory.path()), Error);
}

TEST(CampaignStore, HoldsAHundredThousandEvaluations) {
  const TemporaryDirectory directory;
  create_campaign(directory / "c", {.study_text = "invar: 1\n", .data_files = {}});
  ChainMethod method(16, 1000, 100);
  method::BatchResult result;
  result.evaluations.resize(1000);
  {
    CampaignStore store(directory / "c");
    while (method.stop_reason() == method::StopReason::none) {
      const method::Batch batch = method.ask();
      store.begin_batch(batch);
      for (Eigen::Index sample = 0; sample < 1000; ++sample) {
        auto& evaluation = result.evaluations[static_cast<std::size_t>(sample)];
        evaluation.qois.setConstant(32, batch.points(0, sample));
        store.record(batch, sample, evaluation);
      }
      method.tell(result);
      store.commit(batch.round, method.diagnostics(), 0.0, method);
    }
  }

  CampaignStore store(directory / "c");

  EXPECT_EQ(store.num_evaluations(), 100000);
  EXPECT_EQ(store.num_failed(), 0);
  method.restore(store.restart_point()->state);
  EXPECT_EQ(run_campaign(store, method, 32), 0);  // the rest is in the journal
  EXPECT_EQ(store.num_rounds(), 100);
}

method::Evaluation ran_ahead(const method::Question& question) {
  method::Evaluation evaluation = testing::run_model(question.point, small_m, question.wanted);
  evaluation.ran_ahead = true;
  return evaluation;
}

TEST(CampaignStore, AnswersOnlyTheVeryQuestionFromARunMadeAhead) {
  const TemporaryDirectory directory;
  create_campaign(directory / "c", {.study_text = "invar: 1\n", .data_files = {}});
  CampaignStore store(directory / "c", never_closing());
  method::Batch batch{.round = 0, .points = Eigen::MatrixXd(small_d, 5)};
  batch.points.setConstant(0.1055);
  batch.points.row(1) << 1, 2, 3, 4, -0.0;
  batch.wanted.resize(5);
  batch.wanted[1].jacobian = true;
  method::Question other_point = batch.question(0);
  other_point.point(0) = std::nextafter(other_point.point(0), 1.0);
  method::Question without_jacobian = batch.question(1);
  without_jacobian.wanted = {};
  method::Question other_zero = batch.question(4);
  other_zero.point(1) = 0.0;
  method::Evaluation lost = ran_ahead(batch.question(2));
  lost.status = method::Status::timeout;
  lost.qois = {};
  store.record_ahead(other_point, ran_ahead(other_point));
  store.record_ahead(without_jacobian, ran_ahead(without_jacobian));
  store.record_ahead(other_zero, ran_ahead(other_zero));
  store.record_ahead(batch.question(2), lost);
  store.record_ahead(batch.question(3), ran_ahead(batch.question(3)));
  EXPECT_EQ(store.samples_to_run_ahead(batch), (std::vector<Eigen::Index>{0, 1, 4}));
  EXPECT_EQ(store.num_evaluations(), 0);

  const auto answers = store.begin_batch(batch);

  for (const std::size_t sample : {0U, 1U, 2U, 4U}) {
    EXPECT_FALSE(answers[sample].has_value()) << sample;
  }
  ASSERT_TRUE(answers[3].has_value());
  EXPECT_EQ(answers[3]->qois, ran_ahead(batch.question(3)).qois);
  EXPECT_EQ(store.num_evaluations(), 1);
  EXPECT_EQ(store.num_failed(), 0) << "what failed ahead is no failure of the campaign";
  EXPECT_EQ(store.num_ran_ahead(), 5);
  EXPECT_EQ(store.num_asked_later(), 1);
  EXPECT_FALSE(fs::exists(directory / "c/failed") &&
               !list_directory(directory / "c/failed").empty());
}

TEST(CampaignStore, CountsARunThatWasAskedForBeforeItEndedAsRunAhead) {
  const TemporaryDirectory directory;
  create_campaign(directory / "c", {.study_text = "invar: 1\n", .data_files = {}});
  CampaignStore store(directory / "c", never_closing());
  const method::Batch batch{.round = 0, .points = Eigen::MatrixXd::Constant(small_d, 1, 0.1055)};
  store.begin_batch(batch);

  store.record(batch, 0, ran_ahead(batch.question(0)));

  EXPECT_EQ(store.num_ran_ahead(), 1);
  EXPECT_EQ(store.num_asked_later(), 1);
}

/// Runs a small campaign with runs made ahead and takes it to its end.
TEST(CampaignStore, GivesTheSameCampaignWhateverWasRunAhead) {
  const TemporaryDirectory directory;
  const fs::path reference = testing::make_reference(directory);
  for (const bool closes_rounds : {false, true}) {
    const fs::path campaign = directory / (closes_rounds ? "closing" : "one");
    create_campaign(campaign, {.study_text = "invar: 1\n", .data_files = {}});
    std::int64_t num_runs = 0;
    // Killed after every third run.
    for (std::int64_t more = 1; more > 0; num_runs += more) {
      CampaignStore store(campaign, closes_rounds ? closing_every_round() : never_closing());
      ChainMethod method = make_small_method();
      more = run_campaign(store, method, small_m, {.runs = 3, .closes = false, .runs_ahead = true});
      if (method.stop_reason() != method::StopReason::none) {
        num_runs += more;
        break;
      }
    }
    EXPECT_EQ(finish_small(campaign), 0);

    EXPECT_EQ(testing::campaign_difference(reference, campaign / "campaign.h5"), std::nullopt);
    const CampaignSummary summary = read_summary(campaign);
    EXPECT_EQ(summary.num_evaluations, small_n * small_rounds);
    EXPECT_EQ(summary.num_evaluations, num_runs + summary.num_asked_later);
    EXPECT_GT(summary.num_asked_later, small_rounds - 1);
    EXPECT_GT(summary.num_ran_ahead, summary.num_asked_later);
    const CampaignStore store(campaign, never_closing());
    EXPECT_EQ(store.num_ran_ahead(), summary.num_ran_ahead);
    EXPECT_EQ(store.num_asked_later(), summary.num_asked_later);
  }
}

TEST(CampaignStore, MovesRunsThatNobodyAskedForToHistoryWhenTheyAreOld) {
  const TemporaryDirectory directory;
  create_campaign(directory / "c", {.study_text = "invar: 1\n", .data_files = {}});
  const method::Question question{.point = Eigen::VectorXd::Constant(small_d, 0.1055)};
  {
    CampaignStore store(directory / "c", closing_every_round());
    store.record_ahead(question, ran_ahead(question));
    ChainMethod method(small_d, small_n, 12);
    run_campaign(store, method, small_m);
  }

  EXPECT_EQ(read_history_entry(directory / "c", 7).num_speculative, 0);
  const HistoryEntry entry = read_history_entry(directory / "c", 8);
  EXPECT_EQ(entry.num_speculative, 1);
  EXPECT_EQ(entry.speculative_end, 1);
  const Segment segment = read_history(entry);
  EXPECT_EQ(segment.speculative.parameters.col(0), question.point);
  EXPECT_EQ(segment.speculative.qois.col(0), ran_ahead(question).qois);
  CampaignStore store(directory / "c");
  EXPECT_EQ(store.num_ran_ahead(), 1);
  EXPECT_EQ(store.num_asked_later(), 0);
  store.record_ahead(question, ran_ahead(question));  // as number 1
  EXPECT_EQ(store.num_ran_ahead(), 2);
}

/// A segment as it was before there were runs made ahead.
TEST(CampaignStore, OpensACampaignOfBeforeRunsWereMadeAhead) {
  const TemporaryDirectory directory;
  const fs::path reference = testing::make_reference(directory);
  run_small(directory / "c", closing_every_round(), {.runs = 2 * small_n + 1, .closes = false});
  const fs::path path = history_path(directory / "c", 0);
  const Seal seal = read_seal(path, "history");
  auto counts = seal.counts;
  for (const char* name : {"ran_ahead", "speculative", "speculative_end"}) {
    EXPECT_EQ(counts.erase(name), 1U);
  }
  const fs::path body = directory / "body.h5";
  testing::overwrite(body, testing::bytes_of(path).substr(Seal::num_bytes));
  h5::Handle file(H5Fopen(body.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose, "open");
  h5::check(H5Ldelete(file.get(), "evaluations/ran_ahead", H5P_DEFAULT), "delete");
  file.close("close");
  write_sealed_file(path, "history", counts, testing::bytes_of(body));

  finish_small(directory / "c");

  EXPECT_EQ(testing::campaign_difference(reference, directory / "c/campaign.h5"), std::nullopt);
}

}  // namespace
}  // namespace invar::store
