// Each test makes the state of the directory that a kill at some instruction, or damage, leaves
// behind, and finishes the campaign: it has to end with the answer of one that nobody disturbed.
#include "store/recovery.hpp"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "store/files.hpp"
#include "store/journal.hpp"
#include "store/restart_file.hpp"
#include "store/support/campaign.hpp"
#include "store/support/campaign_difference.hpp"

namespace invar::store {
namespace {

namespace fs = std::filesystem;
using testing::bytes_of;
using testing::campaign_difference;
using testing::closing_every_round;
using testing::finish_small;
using testing::flip_byte;
using testing::make_reference;
using testing::never_closing;
using testing::overwrite;
using testing::run_small;
using testing::small_n;
using testing::small_rounds;
using testing::TemporaryDirectory;

constexpr std::int64_t all_runs = small_n * small_rounds;

class Recovery : public ::testing::Test {
 protected:
  /// Finishes the campaign and compares it with the reference. @return the runs it took
  std::int64_t finish(const StoreOptions& options = {}) {
    const std::int64_t num_runs = finish_small(campaign_, options, &notes_);
    const auto difference = campaign_difference(reference_, campaign_ / "campaign.h5");
    EXPECT_EQ(difference, std::nullopt);
    return num_runs;
  }

  /// The error that opening or finishing the campaign ends with.
  Error failure() {
    try {
      finish_small(campaign_, {}, &notes_);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "no error";
    return {ErrorKind::internal, ""};
  }

  [[nodiscard]] bool has_note(const std::string& text) const {
    return std::any_of(notes_.begin(), notes_.end(), [&](const std::string& note) {
      return note.find(text) != std::string::npos;
    });
  }

  TemporaryDirectory directory_;
  fs::path campaign_ = directory_ / "campaign";
  fs::path reference_ = make_reference(directory_);
  std::vector<std::string> notes_;
};

TEST_F(Recovery, LosesNothingToAKillAfterAnyAnswer) {
  for (const bool closes_rounds : {false, true}) {
    for (std::int64_t runs = 0; runs <= all_runs; ++runs) {
      fs::remove_all(campaign_);
      const StoreOptions options = closes_rounds ? closing_every_round() : never_closing();
      run_small(campaign_, options, {.runs = runs, .closes = false});

      EXPECT_EQ(finish(), all_runs - runs) << "killed after " << runs;
      EXPECT_TRUE(notes_.empty());
    }
  }
}

TEST_F(Recovery, LosesNothingToAnOrderlyStopAfterAnyAnswer) {
  for (std::int64_t runs = 0; runs <= all_runs; ++runs) {
    fs::remove_all(campaign_);
    run_small(campaign_, never_closing(), {.runs = runs, .closes = true});

    EXPECT_EQ(finish(closing_every_round()), all_runs - runs) << "stopped after " << runs;
    EXPECT_TRUE(notes_.empty());
  }
}

TEST_F(Recovery, SurvivesManyInterruptions) {
  run_small(campaign_, closing_every_round(), {.runs = 3, .closes = false});
  for (int i = 0; i < 4; ++i) {
    CampaignStore store(campaign_, i % 2 == 0 ? never_closing() : closing_every_round());
    testing::ChainMethod method = testing::make_small_method();
    EXPECT_EQ(
        testing::run_campaign(store, method, testing::small_m, {.runs = 4, .closes = i % 3 == 0}),
        4);
  }

  EXPECT_EQ(finish(), all_runs - 3 - 16);
}

TEST_F(Recovery, IsDoneWhenTheCampaignIs) {
  run_small(campaign_, closing_every_round());
  const auto files = [this] {
    return std::pair(list_history(campaign_), list_restart_files(campaign_));
  };
  const auto before = files();

  EXPECT_EQ(finish(), 0);

  EXPECT_EQ(files(), before);
}

// The closing of a segment: history file, restart file, next journal, the old journal goes.

/// Keeps the journal that a close removes, and stops before the rest.
struct BeforeClosing {
  fs::path journal;
  std::string bytes;
};

/// A campaign of three rounds in the journal and two answers of the fourth, then closed; returns
/// the journal as it was.
BeforeClosing close_after_three_rounds(const fs::path& campaign) {
  run_small(campaign, never_closing(), {.runs = 3 * small_n + 2, .closes = false});
  const BeforeClosing before{.journal = journal_path(campaign, 0),
                             .bytes = bytes_of(journal_path(campaign, 0))};
  CampaignStore store(campaign, never_closing());
  testing::ChainMethod method = testing::make_small_method();
  testing::run_campaign(store, method, testing::small_m, {.runs = 0, .closes = true});
  return before;
}

TEST_F(Recovery, OfAKillWhileHistoryWasWritten) {
  const BeforeClosing before = close_after_three_rounds(campaign_);
  overwrite(before.journal, before.bytes);
  fs::remove(journal_path(campaign_, 1));
  fs::remove(restart_path(campaign_, 3));
  fs::rename(history_path(campaign_, 0), temporary_name(history_path(campaign_, 0)));
  fs::resize_file(temporary_name(history_path(campaign_, 0)), 1000);

  EXPECT_EQ(finish(never_closing()), all_runs - 3 * small_n - 2);

  EXPECT_TRUE(notes_.empty());
  EXPECT_FALSE(fs::exists(temporary_name(history_path(campaign_, 0))));
}

TEST_F(Recovery, OfAKillBetweenHistoryAndRestartFile) {
  const BeforeClosing before = close_after_three_rounds(campaign_);
  overwrite(before.journal, before.bytes);
  fs::remove(journal_path(campaign_, 1));
  fs::rename(restart_path(campaign_, 3), temporary_name(restart_path(campaign_, 3)));

  EXPECT_EQ(finish(), all_runs - 3 * small_n - 2);

  EXPECT_TRUE(notes_.empty());
  EXPECT_FALSE(fs::exists(before.journal));
  EXPECT_FALSE(fs::exists(temporary_name(restart_path(campaign_, 3))));
}

TEST_F(Recovery, OfAKillBetweenRestartFileAndNextJournal) {
  const BeforeClosing before = close_after_three_rounds(campaign_);
  overwrite(before.journal, before.bytes);
  fs::rename(journal_path(campaign_, 1), temporary_name(journal_path(campaign_, 1)));

  EXPECT_EQ(finish(), all_runs - 3 * small_n - 2);

  EXPECT_TRUE(notes_.empty());
  EXPECT_FALSE(fs::exists(before.journal));
  EXPECT_FALSE(fs::exists(temporary_name(journal_path(campaign_, 1))));
}

TEST_F(Recovery, OfAKillBeforeTheOldJournalWent) {
  const BeforeClosing before = close_after_three_rounds(campaign_);
  overwrite(before.journal, before.bytes);

  EXPECT_EQ(finish(), all_runs - 3 * small_n - 2);

  EXPECT_TRUE(notes_.empty());
  EXPECT_FALSE(fs::exists(before.journal));
}

TEST_F(Recovery, OfAMissingNewestRestartFileAnswersFromHistory) {
  run_small(campaign_, closing_every_round(), {.runs = 4 * small_n + 1, .closes = false});
  fs::remove(restart_path(campaign_, 4));
  fs::remove(restart_path(campaign_, 3));

  EXPECT_EQ(finish(), all_runs - 4 * small_n - 1);
  EXPECT_TRUE(fs::exists(restart_path(campaign_, small_rounds)));
}

TEST_F(Recovery, OfNoRestartFileAtAllBeginsAtTheBeginning) {
  run_small(campaign_, closing_every_round());
  fs::remove_all(campaign_ / "restart");

  EXPECT_EQ(finish(), 0);
  EXPECT_TRUE(fs::exists(restart_path(campaign_, small_rounds)));
}

// Damage.

TEST_F(Recovery, CutsATornJournalAtEveryByteAndSaysSo) {
  run_small(campaign_, never_closing(), {.runs = 7, .closes = false});
  const std::string whole = bytes_of(journal_path(campaign_, 0));
  for (std::size_t cut = 1; cut < 60; cut += 7) {
    fs::remove_all(campaign_);
    run_small(campaign_, never_closing(), {.runs = 7, .closes = false});
    fs::resize_file(journal_path(campaign_, 0), whole.size() - cut);

    EXPECT_EQ(finish(), all_runs - 6);
    EXPECT_TRUE(has_note("cut "));
  }
}

TEST_F(Recovery, LosesOneAnswerToADamagedRecordAndKeepsTheFile) {
  run_small(campaign_, never_closing(), {.runs = small_n - 1, .closes = false});
  const fs::path journal = journal_path(campaign_, 0);
  flip_byte(journal, fs::file_size(journal) / 2);
  const std::string damaged = bytes_of(journal);

  EXPECT_EQ(finish(), all_runs - (small_n - 2));

  EXPECT_TRUE(has_note("segment-000000.log"));
  EXPECT_EQ(bytes_of(journal.string() + ".damaged"), damaged);
}

TEST_F(Recovery, LosesOnlyWhatFollowsToADamagedRecordOfAnEarlierRound) {
  run_small(campaign_, never_closing(), {.runs = 3 * small_n + 1, .closes = false});
  const fs::path journal = journal_path(campaign_, 0);
  flip_byte(journal, 64 + 200);  // the batch or an answer of round 0

  EXPECT_GE(finish(), all_runs - small_n);
  EXPECT_TRUE(has_note("segment-000000.log"));
}

TEST_F(Recovery, SkipsADamagedRestartFileAndSaysSo) {
  run_small(campaign_, closing_every_round(), {.runs = 4 * small_n + 1, .closes = false});
  const fs::path newest = restart_path(campaign_, 4);
  flip_byte(newest, fs::file_size(newest) / 2);

  EXPECT_EQ(finish(), all_runs - 4 * small_n - 1);

  EXPECT_TRUE(has_note("round-000004.h5"));
  EXPECT_TRUE(has_note("after round 3"));
  EXPECT_TRUE(fs::exists(newest.string() + ".damaged"));
}

TEST_F(Recovery, SkipsForeignRestartFiles) {
  run_small(campaign_, closing_every_round(), {.runs = 4 * small_n + 1, .closes = false});
  overwrite(restart_path(campaign_, 4), "not HDF5 at all");
  fs::copy_file(history_path(campaign_, 0), restart_path(campaign_, 3),
                fs::copy_options::overwrite_existing);

  EXPECT_EQ(finish(), all_runs - 4 * small_n - 1);

  EXPECT_TRUE(has_note("round-000004.h5"));
  EXPECT_TRUE(has_note("round-000003.h5"));
}

TEST_F(Recovery, NamesADamagedHistorySegmentThatItNeeds) {
  run_small(campaign_, closing_every_round());
  fs::remove_all(campaign_ / "restart");
  const fs::path segment = history_path(campaign_, 2);
  flip_byte(segment, fs::file_size(segment) - 10);

  const Error error = failure();

  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_NE(std::string(error.what()).find("segment-000002.h5"), std::string::npos);
}

TEST_F(Recovery, NamesADamagedHistorySegmentBeforeAnythingIsRun) {
  run_small(campaign_, closing_every_round(), {.runs = 4 * small_n, .closes = false});
  flip_byte(history_path(campaign_, 1), 3000);

  try {
    const CampaignStore store(campaign_);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find("segment-000001.h5"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("after round 1"), std::string::npos);
  }
}

TEST_F(Recovery, ComputesTheRoundsOfADamagedHistorySegmentAgainWhenItIsMovedAway) {
  run_small(campaign_, closing_every_round(), {.runs = 4 * small_n + 2, .closes = false});
  flip_byte(history_path(campaign_, 2), 3000);

  // What the message says.
  for (const std::int64_t number : {2, 3}) {
    fs::remove(history_path(campaign_, number));
  }
  fs::remove(journal_path(campaign_, 4));
  for (const std::int64_t num_rounds : {3, 4}) {
    fs::remove(restart_path(campaign_, num_rounds));
  }

  EXPECT_EQ(finish(), all_runs - 2 * small_n);
}

TEST_F(Recovery, MakesADamagedHistorySegmentAgainFromItsJournal) {
  for (const bool has_next_journal : {false, true}) {
    for (const std::size_t where : {std::size_t{100}, std::size_t{3000}}) {
      fs::remove_all(campaign_);
      const BeforeClosing before = close_after_three_rounds(campaign_);
      overwrite(before.journal, before.bytes);
      flip_byte(history_path(campaign_, 0), where);
      if (!has_next_journal) {
        fs::remove(journal_path(campaign_, 1));
      }

      EXPECT_EQ(finish(), all_runs - 3 * small_n - 2);

      EXPECT_TRUE(has_note("segment-000000.h5"));
    }
  }
}

TEST_F(Recovery, RefusesAGapInHistory) {
  run_small(campaign_, closing_every_round());
  fs::remove(history_path(campaign_, 2));

  const Error error = failure();

  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_NE(std::string(error.what()).find("segment-000002.h5 is missing"), std::string::npos);
}

TEST_F(Recovery, RefusesARestartFileAheadOfHistory) {
  run_small(campaign_, closing_every_round());
  fs::remove(history_path(campaign_, 5));
  fs::remove(history_path(campaign_, 4));

  const Error error = failure();

  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_NE(std::string(error.what()).find("round-000006.h5"), std::string::npos);
}

TEST_F(Recovery, RefusesForeignFilesInPlaceOfHistoryAndJournal) {
  run_small(campaign_, closing_every_round());
  const std::string sound = bytes_of(history_path(campaign_, 0));
  overwrite(history_path(campaign_, 0), "a text");
  EXPECT_EQ(failure().kind(), ErrorKind::data);

  fs::copy_file(restart_path(campaign_, 1), history_path(campaign_, 0),
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(failure().kind(), ErrorKind::data);

  overwrite(history_path(campaign_, 0), sound);
  overwrite(journal_path(campaign_, small_rounds), "a text");
  EXPECT_EQ(failure().kind(), ErrorKind::data);
}

TEST_F(Recovery, TouchesNoFilesOfOthers) {
  run_small(campaign_, closing_every_round(), {.runs = 11, .closes = false});
  const std::vector<fs::path> foreign = {
      campaign_ / "notes.tmp", campaign_ / "restart/best.h5", campaign_ / "history/segment-1.h5",
      campaign_ / "journal/old.log", campaign_ / "restart/round-000001.h5.bak"};
  for (const fs::path& path : foreign) {
    overwrite(path, "mine");
  }
  StoreOptions options = closing_every_round();
  options.restart_files_to_keep = 1;

  finish(options);

  for (const fs::path& path : foreign) {
    EXPECT_EQ(bytes_of(path), "mine") << path;
  }
}

TEST_F(Recovery, WritesMissingCapsulesAgain) {
  run_small(campaign_, never_closing());
  ASSERT_FALSE(list_directory(campaign_ / "failed").empty());
  const auto before = list_directory(campaign_ / "failed");
  fs::remove_all(campaign_ / "failed" / before.front());
  // The journal as it was before the close.
  fs::remove_all(campaign_);
  run_small(campaign_, never_closing(), {.runs = all_runs, .closes = false});
  fs::remove_all(campaign_ / "failed");

  finish();

  EXPECT_EQ(list_directory(campaign_ / "failed"), before);
}

}  // namespace
}  // namespace invar::store
