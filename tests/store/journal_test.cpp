#include "store/journal.hpp"

#include <cmath>
#include <csignal>
#include <limits>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "store/journal_record.hpp"
#include "store/support/campaign.hpp"

namespace invar::store {
namespace {

using testing::bytes_of;
using testing::flip_byte;
using testing::overwrite;
using testing::TemporaryDirectory;

method::Batch make_batch(std::int64_t round) {
  return {.round = round, .first_id = 3 * round, .points = Eigen::MatrixXd::Random(2, 3)};
}

method::Evaluation make_evaluation() {
  method::Evaluation evaluation;
  evaluation.qois = Eigen::Vector3d(1.0 / 3.0, -0.0, std::numeric_limits<double>::denorm_min());
  evaluation.wall_seconds = 12.5;
  evaluation.group = 3;
  evaluation.attempts = 2;
  evaluation.host = "node17";
  return evaluation;
}

method::Evaluation make_failure() {
  method::Evaluation evaluation;
  evaluation.status = method::Status::timeout;
  evaluation.message = "after 60 s";
  return evaluation;
}

EvaluationRecord record(std::int64_t round, std::int64_t sample,
                        const method::Evaluation& evaluation, double finished) {
  return {.round = round, .sample = sample, .finished = finished, .evaluation = evaluation};
}

/// Where nothing was run ahead.
JournalEnd read_journal(const std::filesystem::path& path, std::int64_t first_round,
                        std::vector<StoredRound>& rounds) {
  SpeculativeRuns none;
  const JournalEnd end = read_journal(path, first_round, rounds, none);
  EXPECT_TRUE(none.all().empty());
  return end;
}

/// A journal with a told round of three answers and the next batch with one.
void write_example(const std::filesystem::path& path) {
  Syncer syncer(0.01);
  Journal journal(path, write_journal(path, {}, SpeculativeRuns()), syncer);
  journal.add_batch(make_batch(0));
  journal.add_evaluation(record(0, 2, make_evaluation(), 1002.0));
  journal.add_evaluation(record(0, 0, make_failure(), 1000.0));
  journal.add_evaluation(record(0, 1, make_evaluation(), 1001.0));
  journal.add_round(0, {.scalars = {{"elbo", -1.5}},
                        .mean = Eigen::Vector2d(1, 2),
                        .std = Eigen::Vector2d(3, 4),
                        .proposal_mean = Eigen::Vector2d(5, 6),
                        .proposal_std = Eigen::Vector2d(7, 8),
                        .messages = "one\ntwo",
                        .seconds = 0.5});
  journal.add_batch(make_batch(1));
  journal.add_evaluation(record(1, 1, make_evaluation(), 1003.0));
}

TEST(Journal, GivesBackWhatWasWritten) {
  const TemporaryDirectory directory;
  write_example(directory / "j");

  std::vector<StoredRound> rounds;
  const JournalEnd end = read_journal(directory / "j", 0, rounds);

  EXPECT_EQ(end.sound_bytes, end.file_bytes);
  ASSERT_EQ(rounds.size(), 2U);
  const StoredRound& told = rounds[0];
  EXPECT_TRUE(told.is_complete());
  EXPECT_EQ(told.num_failed(), 1);
  EXPECT_EQ(told.finished(1), 1001.0);
  const method::Evaluation ok = told.evaluation(1);
  EXPECT_EQ(ok.status, method::Status::ok);
  EXPECT_EQ(ok.qois, make_evaluation().qois);
  EXPECT_TRUE(std::signbit(ok.qois(1)));
  EXPECT_EQ(ok.wall_seconds, 12.5);
  EXPECT_EQ(ok.group, 3);
  EXPECT_EQ(ok.attempts, 2);
  EXPECT_EQ(ok.host, "node17");
  const method::Evaluation failure = told.evaluation(0);
  EXPECT_EQ(failure.status, method::Status::timeout);
  EXPECT_EQ(failure.message, "after 60 s");
  EXPECT_EQ(failure.qois.size(), 0);
  ASSERT_TRUE(told.row.has_value());
  EXPECT_EQ(told.row->scalars.at(0).second, -1.5);
  EXPECT_EQ(told.row->std, Eigen::Vector2d(3, 4));
  EXPECT_EQ(told.row->messages, "one\ntwo");
  EXPECT_EQ(rounds[1].num_recorded(), 1);
  EXPECT_TRUE(rounds[1].has(1));
  EXPECT_FALSE(rounds[1].row.has_value());
}

TEST(Journal, IsCutAtTheFirstRecordThatIsNotWhole) {
  const TemporaryDirectory directory;
  write_example(directory / "j");
  const std::string whole = bytes_of(directory / "j");
  std::string last;
  encode_evaluation(last, record(1, 1, make_evaluation(), 1003.0));
  const std::size_t before_last = whole.size() - last.size();

  for (std::size_t size = whole.size(); size-- > before_last;) {
    std::filesystem::resize_file(directory / "j", size);
    std::vector<StoredRound> rounds;
    const JournalEnd end = read_journal(directory / "j", 0, rounds);
    EXPECT_EQ(end.sound_bytes, before_last);
    EXPECT_EQ(end.file_bytes, size);
    ASSERT_EQ(rounds.size(), 2U);
    EXPECT_EQ(rounds[1].num_recorded(), 0);
  }
}

TEST(Journal, IsCutAtAFlippedByte) {
  const TemporaryDirectory directory;
  write_example(directory / "j");
  const std::size_t size = std::filesystem::file_size(directory / "j");

  for (std::size_t i = 64; i < size; ++i) {
    flip_byte(directory / "j", i);
    std::vector<StoredRound> rounds;
    const JournalEnd end = read_journal(directory / "j", 0, rounds);
    EXPECT_LE(end.sound_bytes, i);
    EXPECT_LT(i - end.sound_bytes, 200U) << "sound records were cut";
    flip_byte(directory / "j", i);  // back
  }
}

TEST(Journal, KeepsTheSoundAnswersBehindADamagedOne) {
  const TemporaryDirectory directory;
  write_example(directory / "j");
  std::string first;
  std::string second;
  encode_batch(first, make_batch(0));
  encode_evaluation(second, record(0, 2, make_evaluation(), 1002.0));
  const std::size_t begin = 64 + first.size();

  for (std::size_t i = begin; i < begin + second.size(); ++i) {
    flip_byte(directory / "j", i);
    std::vector<StoredRound> rounds;
    const JournalEnd end = read_journal(directory / "j", 0, rounds);
    EXPECT_EQ(end.sound_bytes, begin);
    EXPECT_GE(end.lost_bytes(), second.size());
    ASSERT_EQ(rounds.size(), 1U) << "the next round depends on the lost answer";
    EXPECT_EQ(rounds[0].num_recorded(), 2);
    EXPECT_FALSE(rounds[0].has(2));
    EXPECT_FALSE(rounds[0].row.has_value());
    flip_byte(directory / "j", i);  // back
  }
}

TEST(Journal, IsCutAtZerosThatAPowerFailureLeft) {
  const TemporaryDirectory directory;
  write_example(directory / "j");
  const std::string whole = bytes_of(directory / "j");
  overwrite(directory / "j", whole + std::string(4096, '\0'));

  std::vector<StoredRound> rounds;
  const JournalEnd end = read_journal(directory / "j", 0, rounds);

  EXPECT_EQ(end.sound_bytes, whole.size());
}

TEST(Journal, GoesOnWhereItWasCut) {
  const TemporaryDirectory directory;
  write_example(directory / "j");
  overwrite(directory / "j", bytes_of(directory / "j") + "torn");
  std::vector<StoredRound> rounds;
  const JournalEnd end = read_journal(directory / "j", 0, rounds);

  {
    Syncer syncer(0.01);
    Journal journal(directory / "j", end.sound_bytes, syncer);
    journal.add_evaluation(record(1, 0, make_failure(), 1.0));
  }

  rounds.clear();
  const JournalEnd again = read_journal(directory / "j", 0, rounds);
  EXPECT_EQ(again.sound_bytes, again.file_bytes);
  EXPECT_EQ(rounds.at(1).num_recorded(), 2);
}

TEST(Journal, PassesOverWhatHistoryHas) {
  const TemporaryDirectory directory;
  write_example(directory / "j");

  std::vector<StoredRound> rounds;
  read_journal(directory / "j", 1, rounds);

  ASSERT_EQ(rounds.size(), 1U);
  EXPECT_EQ(rounds[0].round(), 1);
}

TEST(Journal, WritesRoundsAsTheyWere) {
  const TemporaryDirectory directory;
  write_example(directory / "a");
  std::vector<StoredRound> rounds;
  read_journal(directory / "a", 0, rounds);

  const std::uint64_t num_bytes = write_journal(directory / "b", rounds, SpeculativeRuns());

  EXPECT_EQ(num_bytes, std::filesystem::file_size(directory / "a"));
  std::vector<StoredRound> again;
  read_journal(directory / "a", 0, again);
  read_journal(directory / "b", 0, again);  // finds nothing new and no contradiction
  EXPECT_EQ(again.size(), 2U);
}

TEST(Journal, RefusesAForeignFileAndAnotherCampaign) {
  const TemporaryDirectory directory;
  write_example(directory / "a");
  write_example(directory / "b");  // other random points
  overwrite(directory / "text",
            "dear diary, today I ran a simulation that was longer than 64 bytes");
  std::vector<StoredRound> rounds;

  EXPECT_THROW(read_journal(directory / "text", 0, rounds), Error);
  read_journal(directory / "a", 0, rounds);
  EXPECT_THROW(read_journal(directory / "b", 0, rounds), Error);
}

TEST(BatchHash, SeesEveryBit) {
  method::Batch batch{.round = 0, .first_id = 0, .points = Eigen::MatrixXd::Zero(3, 4)};
  std::vector<std::uint64_t> hashes = {batch_hash(batch)};
  for (Eigen::Index i = 0; i < batch.points.size(); ++i) {
    batch.points(i) = -0.0;
    hashes.push_back(batch_hash(batch));
    batch.points(i) = 0.0;
  }
  batch.points.topLeftCorner(1, 2).setConstant(-0.0);
  hashes.push_back(batch_hash(batch));
  batch.points = Eigen::MatrixXd::Zero(4, 3);
  hashes.push_back(batch_hash(batch));

  std::sort(hashes.begin(), hashes.end());
  EXPECT_EQ(std::adjacent_find(hashes.begin(), hashes.end()), hashes.end());
}

/// Runs a function in a child that may write files of so many bytes only, as on a full disk.
/// @return its exit code
template <class Function>
int in_child_with_file_limit(rlim_t bytes, Function function) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(function());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Journal, RefusesToGoOnAfterAWriteThatFailed) {
  const TemporaryDirectory directory;
  write_example(directory / "j");
  const std::uint64_t size = std::filesystem::file_size(directory / "j");

  const int code = in_child_with_file_limit(size + 50, [&] {
    Syncer syncer(0.01);
    Journal journal(directory / "j", size, syncer);
    int num_errors = 0;
    for (int i = 0; i < 2; ++i) {
      try {
        journal.add_evaluation(record(1, 0, make_evaluation(), 1.0));
      } catch (const Error& error) {
        num_errors += error.kind() == ErrorKind::io ? 1 : 0;
      }
    }
    return num_errors;
  });

  EXPECT_EQ(code, 2);
  std::vector<StoredRound> rounds;
  const JournalEnd end = read_journal(directory / "j", 0, rounds);
  EXPECT_EQ(end.sound_bytes, size);       // what was there is sound,
  EXPECT_EQ(end.file_bytes, size + 50U);  // and the torn record is recognised
}

TEST(Syncer, ReportsAFailedSyncToTheNextWriter) {
  const TemporaryDirectory directory;
  write_example(directory / "j");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  Syncer syncer(0.001);
  Journal journal(directory / "j", std::filesystem::file_size(directory / "j"), syncer);

  syncer.watch(ends[1]);  // a pipe cannot be synced
  syncer.mark();
  while (syncer.error() == 0) {
    ::usleep(1000);
  }

  try {
    journal.add_batch(make_batch(2));
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

SpeculativeRun make_run(std::int64_t number) {
  method::Evaluation evaluation = make_evaluation();
  evaluation.ran_ahead = true;
  evaluation.derivatives.jacobian = Eigen::MatrixXd::Constant(3, 2, 0.5);
  return {.number = number,
          .round = 1,
          .question = {.point = Eigen::Vector2d(0.1, -0.0), .wanted = {.jacobian = true}},
          .evaluation = evaluation,
          .finished = 1004.0};
}

/// The example with three runs made ahead, of which the second became the answer to sample 2.
void write_example_ahead(const std::filesystem::path& path) {
  write_example(path);
  Syncer syncer(0.01);
  Journal journal(path, std::filesystem::file_size(path), syncer);
  for (std::int64_t number = 0; number < 3; ++number) {
    journal.add_speculative(make_run(number));
  }
  EvaluationRecord answer = record(1, 2, make_run(1).evaluation, 1004.0);
  answer.speculative = 1;
  journal.add_evaluation(answer);
}

TEST(Journal, GivesBackRunsMadeAheadUntilTheyAreAnswers) {
  const TemporaryDirectory directory;
  write_example_ahead(directory / "j");

  std::vector<StoredRound> rounds;
  SpeculativeRuns runs;
  const JournalEnd end = read_journal(directory / "j", 0, rounds, runs);

  EXPECT_EQ(end.sound_bytes, end.file_bytes);
  ASSERT_EQ(runs.all().size(), 2U);
  EXPECT_EQ(runs.all()[0].number, 0);
  EXPECT_EQ(runs.all()[1].number, 2);
  EXPECT_EQ(runs.next_number(), 3);
  EXPECT_EQ(runs.first_number(), 0);
  const SpeculativeRun& run = runs.all()[1];
  EXPECT_TRUE(is_same(run.question, make_run(2).question));
  EXPECT_EQ(run.round, 1);
  EXPECT_EQ(run.finished, 1004.0);
  EXPECT_EQ(run.evaluation.qois, make_evaluation().qois);
  EXPECT_EQ(run.evaluation.derivatives.jacobian, make_run(2).evaluation.derivatives.jacobian);
  EXPECT_TRUE(run.evaluation.ran_ahead);
  ASSERT_TRUE(rounds.at(1).has(2));
  EXPECT_TRUE(rounds[1].evaluation(2).ran_ahead);
  EXPECT_EQ(rounds[1].num_ran_ahead(), 1);
  EXPECT_FALSE(rounds[1].evaluation(1).ran_ahead);

  // Written anew and read after the old one, as after a kill in the middle of closing a segment.
  write_journal(directory / "k", rounds, runs);
  read_journal(directory / "k", 0, rounds, runs);
  EXPECT_EQ(runs.all().size(), 2U);
  std::vector<StoredRound> again;
  SpeculativeRuns runs_again;
  read_journal(directory / "k", 0, again, runs_again);
  EXPECT_EQ(runs_again.all().size(), 2U);
  EXPECT_EQ(again.at(1).num_ran_ahead(), 1);
}

TEST(Journal, KnowsWhichRunsMadeAheadHistoryHas) {
  const TemporaryDirectory directory;
  write_example_ahead(directory / "j");

  std::vector<StoredRound> rounds;
  SpeculativeRuns runs(2);
  read_journal(directory / "j", 2, rounds, runs);

  EXPECT_TRUE(rounds.empty());
  ASSERT_EQ(runs.all().size(), 1U);
  EXPECT_EQ(runs.all()[0].number, 2);
}

TEST(Journal, LosesOnlyTheRunMadeAheadThatIsDamaged) {
  const TemporaryDirectory directory;
  write_example_ahead(directory / "j");
  write_example(directory / "short");
  const std::size_t begin = std::filesystem::file_size(directory / "short");
  std::string first;
  encode_speculative(first, make_run(0));

  for (std::size_t i = begin; i < begin + first.size(); ++i) {
    flip_byte(directory / "j", i);
    std::vector<StoredRound> rounds;
    SpeculativeRuns runs;
    const JournalEnd end = read_journal(directory / "j", 0, rounds, runs);
    EXPECT_EQ(end.sound_bytes, begin);
    EXPECT_GE(end.lost_bytes(), first.size());
    ASSERT_EQ(runs.all().size(), 1U);
    EXPECT_EQ(runs.all()[0].number, 2);
    EXPECT_TRUE(rounds.at(1).has(2)) << "the answers behind it are kept";
    flip_byte(directory / "j", i);  // back
  }
}

TEST(Journal, RefusesARunMadeAheadThatMakesNoSense) {
  const TemporaryDirectory directory;
  std::string record;
  SpeculativeRun run = make_run(0);
  run.number = -1;
  encode_speculative(record, run);
  const auto payload = next_payload(record);

  EXPECT_TRUE(is_known_kind(*payload));
  EXPECT_THROW(decode_speculative(*payload), Error);
}

}  // namespace
}  // namespace invar::store
