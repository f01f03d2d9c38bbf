#include "invar/store/record.hpp"

#include <filesystem>
#include <fstream>
#include <limits>
#include <span>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "store/history.hpp"
#include "store/journal.hpp"
#include "store/support/campaign.hpp"

namespace invar::store {
namespace {

namespace fs = std::filesystem;
using testing::bytes_of;
using testing::closing_every_round;
using testing::flip_byte;
using testing::never_closing;
using testing::overwrite;
using testing::run_small;
using testing::small_d;
using testing::small_m;
using testing::small_n;
using testing::TemporaryDirectory;

constexpr std::int64_t some_runs = 3 * small_n + 2;  // three told rounds and a part of the fourth

/// The ids from `begin` to `end`, and then the last samples of the fourth round, which is answered
/// from behind.
std::vector<std::int64_t> ids(std::int64_t begin, std::int64_t end, std::int64_t num_last = 0) {
  std::vector<std::int64_t> result;
  for (std::int64_t id = begin; id < end; ++id) {
    result.push_back(id);
  }
  for (std::int64_t id = 4 * small_n - num_last; id < 4 * small_n; ++id) {
    result.push_back(id);
  }
  return result;
}

/// Each evaluation is there once, in order, and is what the model gives at its point.
void expect_sound(const RecordedEvaluations& record, const std::vector<std::int64_t>& ids) {
  const std::int64_t count = std::ssize(ids);
  ASSERT_EQ(record.ids, ids);
  ASSERT_EQ(record.points.rows(), small_d);
  ASSERT_EQ(record.qois.rows(), small_m);
  ASSERT_EQ(record.points.cols(), count);
  ASSERT_EQ(record.qois.cols(), count);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const method::Evaluation expected = testing::run_model(record.points.col(i), small_m);
    EXPECT_EQ(record.rounds[at], record.ids[at] / small_n);
    EXPECT_EQ(record.samples[at], record.ids[at] % small_n);
    EXPECT_EQ(record.statuses[at], expected.status);
    EXPECT_EQ(record.messages[at], expected.message);
    EXPECT_EQ(record.hosts[at], expected.host);
    EXPECT_EQ(record.wall_seconds[at], expected.wall_seconds);
    EXPECT_EQ(record.attempts[at], expected.attempts);
    EXPECT_EQ(record.groups[at], expected.group);
    EXPECT_EQ(record.started[at], record.finished[at] - record.wall_seconds[at]);
    if (expected.qois.size() > 0 && expected.status == Status::ok) {
      EXPECT_EQ(record.qois.col(i), expected.qois);
    } else {
      EXPECT_FALSE(record.qois.col(i).allFinite());
    }
  }
}

/// Those that were wanted of the evaluations that are ok, in order.
void expect_derivatives(const RecordedEvaluations& record) {
  DerivativeTables expected;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const auto wanted = testing::wanted_of(record.rounds[i], record.samples[i]);
    const auto derivatives =
        testing::run_model(record.points.col(static_cast<Eigen::Index>(i)), small_m, wanted)
            .derivatives;
    if (derivatives.jacobian.size() > 0) {
      expected.jacobians.ids.push_back(record.ids[i]);
      expected.jacobians.values.push_back(derivatives.jacobian);
    }
    for (Eigen::Index j = 0; j < derivatives.jacobian_vectors.cols(); ++j) {
      expected.jacobian_vectors.ids.push_back(record.ids[i]);
      expected.jacobian_vectors.factors.emplace_back(wanted.directions.col(j));
      expected.jacobian_vectors.products.emplace_back(derivatives.jacobian_vectors.col(j));
    }
    for (Eigen::Index j = 0; j < derivatives.vector_jacobians.cols(); ++j) {
      expected.vector_jacobians.ids.push_back(record.ids[i]);
      expected.vector_jacobians.factors.emplace_back(wanted.weights.col(j));
      expected.vector_jacobians.products.emplace_back(derivatives.vector_jacobians.col(j));
    }
  }
  const DerivativeTables& found = record.derivatives;
  EXPECT_EQ(found.jacobians.ids, expected.jacobians.ids);
  EXPECT_EQ(found.jacobians.values, expected.jacobians.values);
  for (const auto table :
       {&DerivativeTables::jacobian_vectors, &DerivativeTables::vector_jacobians}) {
    EXPECT_EQ((found.*table).ids, (expected.*table).ids);
    EXPECT_EQ((found.*table).factors, (expected.*table).factors);
    EXPECT_EQ((found.*table).products, (expected.*table).products);
  }
}

TEST(ReadEvaluations, HasTheDerivativesThatWereWanted) {
  const TemporaryDirectory directory;
  for (const bool closes_rounds : {true, false}) {
    const fs::path campaign = directory / (closes_rounds ? "segments" : "journal");
    run_small(campaign, closes_rounds ? closing_every_round() : never_closing());

    const RecordedEvaluations record = read_evaluations(campaign);

    ASSERT_GT(record.derivatives.jacobians.size(), 0U);
    ASSERT_GT(record.derivatives.jacobian_vectors.size(), 0U);
    ASSERT_GT(record.derivatives.vector_jacobians.size(), 0U);
    expect_derivatives(record);
  }
}

TEST(ReadEvaluations, HasAllOfHistoryAndJournalWithoutTheLock) {
  const TemporaryDirectory directory;
  for (const bool closes_rounds : {true, false}) {
    const fs::path campaign = directory / (closes_rounds ? "segments" : "journal");
    const StoreOptions options = closes_rounds ? closing_every_round() : never_closing();
    run_small(campaign, options, {.runs = some_runs, .closes = false});
    const CampaignStore holder(campaign);

    const RecordedEvaluations record = read_evaluations(campaign);

    expect_sound(record, ids(0, 3 * small_n, 2));
    expect_derivatives(record);
    EXPECT_TRUE(record.notes.empty());
  }
}

TEST(ReadEvaluations, CountsOnceWhatIsInJournalAndHistory) {
  const TemporaryDirectory directory;
  const fs::path campaign = directory / "c";
  run_small(campaign, never_closing(), {.runs = some_runs, .closes = false});
  const std::string journal = bytes_of(journal_path(campaign, 0));
  run_small(directory / "closed", never_closing(), {.runs = some_runs, .closes = true});
  fs::copy(history_path(directory / "closed", 0), history_path(campaign, 0));

  const RecordedEvaluations record = read_evaluations(campaign);

  ASSERT_EQ(bytes_of(journal_path(campaign, 0)), journal);
  expect_sound(record, ids(0, 3 * small_n, 2));
  EXPECT_TRUE(record.notes.empty());
}

TEST(ReadEvaluations, TakesADamagedSegmentFromItsJournal) {
  const TemporaryDirectory directory;
  const fs::path campaign = directory / "c";
  run_small(campaign, never_closing(), {.runs = some_runs, .closes = false});
  overwrite(history_path(campaign, 0), "rubbish");

  const RecordedEvaluations record = read_evaluations(campaign);

  expect_sound(record, ids(0, 3 * small_n, 2));
  ASSERT_EQ(record.notes.size(), 1U);
  EXPECT_NE(record.notes[0].find("segment-000000.h5"), std::string::npos);
}

TEST(ReadEvaluations, ReadsTheJournalBehindALostSegment) {
  const TemporaryDirectory directory;
  const fs::path campaign = directory / "c";
  run_small(campaign, closing_every_round(), {.runs = some_runs, .closes = false});
  fs::remove(history_path(campaign, 2));
  fs::remove(history_path(campaign, 1));
  flip_byte(history_path(campaign, 0), 2000);

  const RecordedEvaluations record = read_evaluations(campaign);

  expect_sound(record, ids(0, 0, 2));
  ASSERT_EQ(record.notes.size(), 2U);
  EXPECT_NE(record.notes[0].find("segment-000000.h5"), std::string::npos);
  EXPECT_EQ(record.notes[1], "rounds 0 to 2 are in none of the files that could be read");
}

TEST(ReadEvaluations, NamesALostSegmentInTheMiddle) {
  const TemporaryDirectory directory;
  const fs::path campaign = directory / "c";
  run_small(campaign, closing_every_round(), {.runs = some_runs, .closes = false});
  fs::remove(history_path(campaign, 1));

  const RecordedEvaluations record = read_evaluations(campaign);

  EXPECT_EQ(std::ssize(record.ids), some_runs - small_n);
  EXPECT_EQ(
      record.notes,
      (std::vector<std::string>{"rounds 1 to 1 are in none of the files that could be read"}));
}

TEST(ReadEvaluations, NamesATornJournal) {
  const TemporaryDirectory directory;
  const fs::path campaign = directory / "c";
  run_small(campaign, never_closing(), {.runs = some_runs, .closes = false});
  const std::string bytes = bytes_of(journal_path(campaign, 0));
  overwrite(journal_path(campaign, 0), bytes.substr(0, bytes.size() - 1));

  const RecordedEvaluations record = read_evaluations(campaign);

  expect_sound(record, ids(0, 3 * small_n, 1));
  ASSERT_EQ(record.notes.size(), 1U);
  EXPECT_NE(record.notes[0].find("torn"), std::string::npos);
}

TEST(ReadEvaluations, NamesAJournalThatIsNotOne) {
  const TemporaryDirectory directory;
  const fs::path campaign = directory / "c";
  run_small(campaign, closing_every_round(), {.runs = some_runs, .closes = false});
  overwrite(journal_path(campaign, 3), "rubbish");

  const RecordedEvaluations record = read_evaluations(campaign);

  expect_sound(record, ids(0, 3 * small_n));
  ASSERT_EQ(record.notes.size(), 1U);
  EXPECT_NE(record.notes[0].find("segment-000003.log"), std::string::npos);
}

TEST(ReadEvaluations, LeavesOutASegmentOfAnotherCampaign) {
  const TemporaryDirectory directory;
  const fs::path campaign = directory / "c";
  run_small(campaign, closing_every_round(), {.runs = some_runs, .closes = false});
  StoredRound foreign({.round = 1, .first_id = small_n, .points = Eigen::MatrixXd::Zero(7, 1)});
  foreign.set(0, testing::run_model(Eigen::VectorXd::Ones(7), small_m), 1.0);
  foreign.row = RoundRow{};
  write_history(campaign, 1, gather(std::span<const StoredRound>(&foreign, 1)), 0);

  const RecordedEvaluations record = read_evaluations(campaign);

  EXPECT_EQ(std::ssize(record.ids), some_runs - small_n);
  ASSERT_EQ(record.notes.size(), 1U);
  EXPECT_NE(record.notes[0].find("7 parameters, where the others have 3"), std::string::npos);
}

TEST(ReadEvaluations, IsEmptyBeforeTheFirstAnswerAndRefusesWhatIsNoCampaign) {
  const TemporaryDirectory directory;
  run_small(directory / "c", never_closing(), {.runs = 0, .closes = false});

  const RecordedEvaluations record = read_evaluations(directory / "c");

  EXPECT_EQ(record.size(), 0U);
  EXPECT_EQ(record.points.cols(), 0);
  EXPECT_TRUE(record.notes.empty());
  try {
    read_evaluations(directory.path());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::no_input);
  }
}

}  // namespace
}  // namespace invar::store
