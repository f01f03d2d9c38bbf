#include "invar/store/campaign_store.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/capsule.hpp"
#include "store/derivative_file.hpp"
#include "store/files.hpp"
#include "store/journal.hpp"
#include "store/layout.hpp"
#include "store/lock.hpp"
#include "store/recovery.hpp"
#include "store/restart_file.hpp"
#include "store/seal.hpp"
#include "store/segment.hpp"
#include "store/view_file.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// So many rounds later nobody asks for a run that was made ahead.
constexpr std::int64_t most_rounds_ahead = 8;

/// Whether a run took as long as runs take; a crash may come early.
bool tells_run_time(method::Status status) {
  return status == method::Status::ok || status == method::Status::timeout;
}

fs::path checked(fs::path directory) {
  require_campaign(directory);
  return directory;
}

}  // namespace

/// Rounds are in three places: told and closed ones in history; `pending_` ones, which the journal
/// has, in memory; and of history the segment that is being replayed, in `replayed_`. Runs made
/// ahead are in memory and in the journal until they are asked for or too old, then in history.
class CampaignStore::Impl {
 public:
  Impl(fs::path directory, const StoreOptions& options)
      : directory_(checked(std::move(directory))),
        options_(options),
        lock_(directory_, options.lock_timeout_s),
        found_(recover(directory_)),
        pending_(std::exchange(found_.pending, {})),
        speculative_(std::exchange(found_.speculative, SpeculativeRuns())),
        syncer_(options.fsync_interval_s) {
    INVAR_EXPECTS(options.restart_files_to_keep >= 1);
    protected_restart_ = read_sealed_manifest(directory_).first_round;
    if (found_.restart) {
      next_round_ = restart_rounds_ = found_.restart->num_rounds;
      elapsed_seconds_ = found_.restart->elapsed_seconds;
    }
    for (const HistoryEntry& entry : found_.history) {
      num_evaluations_ += entry.num_evaluations;
      num_failed_ += entry.num_failed;
      num_ran_ahead_ += entry.num_ran_ahead + entry.num_speculative;
      num_asked_later_ += entry.num_ran_ahead;
    }
    num_ran_ahead_ += std::ssize(speculative_.all());
    for (const StoredRound& round : pending_) {
      num_evaluations_ += round.num_recorded();
      num_failed_ += round.num_failed();
      num_ran_ahead_ += round.num_ran_ahead();
      num_asked_later_ += round.num_ran_ahead();
      write_capsules(round);
    }
    open_journal();
  }

  std::vector<std::optional<method::Evaluation>> begin_batch(const method::Batch& batch) {
    INVAR_EXPECTS(batch.round == next_round_);
    StoredRound* round = find(batch.round);
    if (round == nullptr) {
      journal_->add_batch(batch);
      round = &pending_.emplace_back(batch);
    } else if (!is_round_of(*round, batch)) {
      throw Error(ErrorKind::data,
                  fmt::format("the batch of round {} differs from the one that {} has for it: the "
                              "study, the data or the program has changed since; go on with those "
                              "of before, or start a new campaign",
                              batch.round, directory_.string()));
    }
    std::vector<std::optional<method::Evaluation>> answers(
        static_cast<std::size_t>(round->num_samples()));
    for (Eigen::Index sample = 0; sample < round->num_samples(); ++sample) {
      if (!round->has(sample) || is_to_retry(*round, sample)) {
        answer_from_run_ahead(*round, batch.question(sample), sample);
      }
      if (round->has(sample) && !is_to_retry(*round, sample)) {
        answers[static_cast<std::size_t>(sample)] = round->evaluation(sample);
      }
    }
    begun_round_ = batch.round;
    return answers;
  }

  [[nodiscard]] std::vector<Eigen::Index> samples_to_run_ahead(const method::Batch& batch) const {
    std::vector<Eigen::Index> samples;
    for (Eigen::Index sample = 0; sample < batch.points.cols(); ++sample) {
      if (speculative_.find(batch.question(sample)) == nullptr) {
        samples.push_back(sample);
      }
    }
    return samples;
  }

  void record_ahead(const method::Question& question, const method::Evaluation& evaluation) {
    INVAR_EXPECTS(evaluation.ran_ahead);
    SpeculativeRun run{.number = speculative_.next_number(),
                       .round = next_round_,
                       .question = question,
                       .evaluation = evaluation,
                       .finished = seconds_since_1970()};
    journal_->add_speculative(run);
    speculative_.add(std::move(run));
    ++num_ran_ahead_;
  }

  void record(const method::Batch& batch, Eigen::Index sample,
              const method::Evaluation& evaluation) {
    INVAR_EXPECTS(batch.round == begun_round_ && batch.round >= found_.history_end());
    StoredRound& round = pending_.back();
    INVAR_EXPECTS(round.round() == batch.round && !round.row && round.fits(evaluation) &&
                  (!round.has(sample) || is_to_retry(round, sample)));
    num_ran_ahead_ += evaluation.ran_ahead ? 1 : 0;
    add(round, {.round = batch.round,
                .sample = sample,
                .finished = seconds_since_1970(),
                .evaluation = evaluation});
  }

  [[nodiscard]] std::int64_t num_to_retry() const {
    std::int64_t count = 0;
    for (const StoredRound& round : pending_) {
      for (Eigen::Index sample = 0; sample < round.num_samples(); ++sample) {
        count += round.has(sample) && is_to_retry(round, sample) ? 1 : 0;
      }
    }
    return count;
  }

  [[nodiscard]] std::optional<method::Batch> recorded_batch(std::int64_t number) {
    const StoredRound* round = find(number);
    return round == nullptr ? std::nullopt : std::optional(round->batch());
  }

  [[nodiscard]] bool is_told(std::int64_t number) {
    const StoredRound* round = number < stored_end() ? find(number) : nullptr;
    return round != nullptr && round->row;
  }

  [[nodiscard]] bool is_replayed() const { return next_round_ >= stored_end(); }

  void commit(std::int64_t number, const method::RoundDiagnostics& diagnostics, double seconds,
              const method::Method& told) {
    INVAR_EXPECTS(number == begun_round_ && diagnostics.mean.size() == diagnostics.std.size() &&
                  diagnostics.proposal_mean.size() == diagnostics.proposal_std.size());
    for (const auto& scalar : diagnostics.scalars) {
      INVAR_EXPECTS(!is_reserved_round_column(scalar.first));
    }
    StoredRound& round = *find(number);
    INVAR_EXPECTS(round.is_complete());
    RoundRow row = make_round_row(diagnostics, seconds);
    if (round.row) {
      if (const auto difference = first_difference(*round.row, row)) {
        throw Error(
            ErrorKind::data,
            fmt::format("round {} was computed again from its stored answers and differs "
                        "from what {} has for it: {}; the study, the program or the kind of "
                        "processor has changed since",
                        number, directory_.string(), *difference));
      }
    } else {
      journal_->add_round(number, row);
      round.row = std::move(row);
    }
    elapsed_seconds_ += round.row->seconds;
    next_round_ = number + 1;
    begun_round_ = -1;
    if (is_segment_due()) {
      close_segment(told);
    }
  }

  void close_segment(const method::Method& told) {
    if (!is_replayed()) {
      return;  // all is stored
    }
    if (const std::int64_t num_told = next_round_ - found_.history_end(); num_told > 0) {
      if (std::exchange(has_unsynced_capsules_, false)) {
        sync_capsules(directory_);
      }
      const auto end = pending_.begin() + num_told;
      Segment segment = gather({pending_.begin(), end});
      segment.speculative = gather(speculative_.take_older_than(next_round_ - most_rounds_ahead));
      found_.history.push_back(
          write_history(directory_, found_.next_number(), segment, speculative_.first_number()));
      pending_.erase(pending_.begin(), end);
    }
    if (restart_rounds_ != next_round_) {
      write_restart_file(directory_, {.num_rounds = next_round_,
                                      .num_evaluations = num_evaluations_before(next_round_),
                                      .state = told.state(),
                                      .elapsed_seconds = elapsed_seconds_});
      restart_rounds_ = next_round_;
      prune_restart_files(directory_, options_.restart_files_to_keep, protected_restart_);
    }
    open_journal();
  }

  void write_view(const View& view) const {
    Segment pending = gather(pending_);
    pending.speculative = gather(speculative_.all());
    ViewFile::Size size{.num_evaluations = std::ssize(pending.evaluations.id),
                        .num_rounds = found_.history_end() + std::ssize(pending.rounds.round)};
    size.num_speculative = std::ssize(pending.speculative.id);
    size.derivatives = counts_of(pending.derivatives);
    for (const HistoryEntry& entry : found_.history) {
      size.num_evaluations += entry.num_evaluations;
      size.num_speculative += entry.num_speculative;
      size.derivatives += entry.derivatives;
    }
    ViewFile file(directory_ / "campaign.h5", view, size);
    for (const HistoryEntry& entry : found_.history) {
      file.append(read_history(entry));
    }
    file.append(pending);
    file.finish();
  }

  [[nodiscard]] std::vector<double> recent_run_times() const {
    std::vector<double> seconds;
    for (const StoredRound& round : pending_) {
      for (Eigen::Index sample = 0; sample < round.num_samples(); ++sample) {
        if (round.has(sample) && tells_run_time(round.facts(sample).status)) {
          seconds.push_back(round.facts(sample).wall_seconds);
        }
      }
    }
    if (seconds.empty() && !found_.history.empty()) {
      const EvaluationColumns last = read_history(found_.history.back()).evaluations;
      for (std::size_t i = 0; i < last.size(); ++i) {
        if (tells_run_time(static_cast<method::Status>(last.status[i]))) {
          seconds.push_back(last.wall_seconds[i]);
        }
      }
    }
    return seconds;
  }

  void protect_restart_file(std::int64_t num_rounds) { protected_restart_ = num_rounds; }

  const fs::path directory_;
  const StoreOptions options_;

  [[nodiscard]] const Recovered& found() const { return found_; }
  [[nodiscard]] std::int64_t num_rounds() const { return next_round_; }
  [[nodiscard]] std::int64_t num_evaluations() const { return num_evaluations_; }
  [[nodiscard]] std::int64_t num_failed() const { return num_failed_; }
  [[nodiscard]] std::int64_t num_ran_ahead() const { return num_ran_ahead_; }
  [[nodiscard]] std::int64_t num_asked_later() const { return num_asked_later_; }
  [[nodiscard]] double elapsed_seconds() const { return elapsed_seconds_; }

 private:
  /// Journals an answer, which may take the place of one that is to be repeated.
  void add(StoredRound& round, const EvaluationRecord& record) {
    const std::int64_t id = round.batch().first_id + record.sample;
    journal_->add_evaluation(record);
    if (round.has(record.sample)) {
      num_failed_ -= is_failure(round.facts(record.sample).status) ? 1 : 0;
      --num_evaluations_;
      round.forget(record.sample);
      remove_capsule(directory_, id);
    }
    round.set(record.sample, record.evaluation, record.finished);
    ++num_evaluations_;
    num_asked_later_ += record.evaluation.ran_ahead ? 1 : 0;
    if (is_failure(record.evaluation.status)) {
      ++num_failed_;
      has_unsynced_capsules_ = true;
      write_capsule(directory_, round.batch(), record.sample, record.evaluation, record.finished);
    }
  }

  /// Makes an evaluation of a good run that was made ahead, if there is one. What failed is run
  /// again, as often as the study says.
  void answer_from_run_ahead(StoredRound& round, const method::Question& question,
                             Eigen::Index sample) {
    const SpeculativeRun* run = speculative_.find(question);
    if (run != nullptr && run->evaluation.status == method::Status::ok &&
        round.fits(run->evaluation)) {
      const std::int64_t number = run->number;
      add(round, {.round = round.round(),
                  .sample = sample,
                  .finished = run->finished,
                  .evaluation = run->evaluation,
                  .speculative = number});
      speculative_.take(number);
    }
  }

  /// @pre round.has(sample)
  [[nodiscard]] bool is_to_retry(const StoredRound& round, Eigen::Index sample) const {
    return options_.retry_failed && !round.row && can_be_retried(round.facts(sample).status);
  }

  /// One after the last round that is told and stored.
  [[nodiscard]] std::int64_t stored_end() const {
    const bool ends_with_open_round = !pending_.empty() && !pending_.back().row;
    return found_.history_end() + std::ssize(pending_) - (ends_with_open_round ? 1 : 0);
  }

  /// The stored round of that number, or null; of history one segment at a time is in memory.
  StoredRound* find(std::int64_t number) {
    const auto at = [number](std::vector<StoredRound>& rounds) -> StoredRound* {
      const std::int64_t i = rounds.empty() ? -1 : number - rounds.front().round();
      return i >= 0 && i < std::ssize(rounds) ? &rounds[static_cast<std::size_t>(i)] : nullptr;
    };
    if (number >= found_.history_end()) {
      replayed_.clear();
      return at(pending_);
    }
    if (at(replayed_) == nullptr) {
      const auto entry = std::find_if(
          found_.history.begin(), found_.history.end(),
          [number](const HistoryEntry& candidate) { return number < candidate.end_round; });
      replayed_ = read_history_rounds(*entry);
    }
    return at(replayed_);
  }

  [[nodiscard]] bool is_segment_due() const {
    const std::chrono::duration<double> age = std::chrono::steady_clock::now() - segment_opened_;
    return next_round_ == stored_end() && next_round_ > found_.history_end() &&
           (age.count() >= options_.segment_seconds ||
            static_cast<double>(journal_->num_bytes()) >= options_.segment_megabytes * 1e6);
  }

  [[nodiscard]] std::int64_t num_evaluations_before(std::int64_t round) const {
    std::int64_t result = num_evaluations_;
    for (const StoredRound& later : pending_) {
      result -= later.round() >= round ? later.num_recorded() : 0;
    }
    return result;
  }

  void write_capsules(const StoredRound& round) {
    for (Eigen::Index sample = 0; round.num_failed() > 0 && sample < round.num_samples();
         ++sample) {
      if (round.has(sample) && is_failure(round.facts(sample).status)) {
        has_unsynced_capsules_ = true;
        write_capsule(directory_, round.batch(), sample, round.facts(sample),
                      round.finished(sample));
      }
    }
  }

  /// Makes the journal of the segment after history the only one, with what is pending in it.
  void open_journal() {
    const std::int64_t number = found_.next_number();
    if (found_.journals != std::vector{number} || std::exchange(found_.has_holes, false)) {
      const std::uint64_t bytes =
          write_journal(journal_path(directory_, number), pending_, speculative_);
      journal_.reset();
      journal_.emplace(journal_path(directory_, number), bytes, syncer_);
      for (const std::int64_t old : found_.journals) {
        if (old != number) {
          remove_file(journal_path(directory_, old));
        }
      }
      found_.journals = {number};
      segment_opened_ = std::chrono::steady_clock::now();
    } else if (!journal_) {
      journal_.emplace(journal_path(directory_, number), found_.sound_journal_bytes, syncer_);
    }
  }

  CampaignLock lock_;
  Recovered found_;  // its history and journals are kept up to date
  std::vector<StoredRound> pending_;
  std::vector<StoredRound> replayed_;
  SpeculativeRuns speculative_;
  std::int64_t next_round_ = 0;
  std::int64_t begun_round_ = -1;
  std::int64_t restart_rounds_ = 0;     // of the newest restart file; 0 needs none
  std::int64_t protected_restart_ = 0;  // the newest study begins with this restart file
  std::int64_t num_evaluations_ = 0;
  std::int64_t num_failed_ = 0;
  std::int64_t num_ran_ahead_ = 0;
  std::int64_t num_asked_later_ = 0;  // of them
  double elapsed_seconds_ = 0.0;
  bool has_unsynced_capsules_ = false;
  std::chrono::steady_clock::time_point segment_opened_ = std::chrono::steady_clock::now();
  Syncer syncer_;
  std::optional<Journal> journal_;  // after the syncer, which it tells when it closes
};

CampaignStore::CampaignStore(fs::path directory, StoreOptions options)
    : impl_(std::make_unique<Impl>(std::move(directory), options)) {}

CampaignStore::~CampaignStore() = default;

const std::vector<std::string>& CampaignStore::recovery_notes() const {
  return impl_->found().notes;
}

const std::optional<RestartPoint>& CampaignStore::restart_point() const {
  return impl_->found().restart;
}

Manifest CampaignStore::manifest() const {
  return read_manifest(impl_->directory_);
}

std::string CampaignStore::study_text() const {
  return read_file(impl_->directory_ / "study.yaml");
}

void CampaignStore::replace_manifest(Manifest manifest, bool moves_target) {
  const Manifest before = this->manifest();
  manifest.revision = before.revision + 1;
  manifest.first_round = moves_target ? num_rounds() : before.first_round;
  impl_->protect_restart_file(manifest.first_round);
  write_data_files(impl_->directory_, manifest.data_files);
  write_file(impl_->directory_ / "study.yaml", {sealed_text(manifest)});
}

std::optional<method::Batch> CampaignStore::recorded_batch(std::int64_t round) {
  return impl_->recorded_batch(round);
}

bool CampaignStore::is_told(std::int64_t round) {
  return impl_->is_told(round);
}

bool CampaignStore::is_replayed() const {
  return impl_->is_replayed();
}

std::vector<std::optional<method::Evaluation>> CampaignStore::begin_batch(
    const method::Batch& batch) {
  return impl_->begin_batch(batch);
}

void CampaignStore::record(const method::Batch& batch, Eigen::Index sample,
                           const method::Evaluation& evaluation) {
  impl_->record(batch, sample, evaluation);
}

std::vector<Eigen::Index> CampaignStore::samples_to_run_ahead(const method::Batch& batch) const {
  return impl_->samples_to_run_ahead(batch);
}

void CampaignStore::record_ahead(const method::Question& question,
                                 const method::Evaluation& evaluation) {
  impl_->record_ahead(question, evaluation);
}

void CampaignStore::commit(std::int64_t round, const method::RoundDiagnostics& diagnostics,
                           double seconds, const method::Method& told) {
  impl_->commit(round, diagnostics, seconds, told);
}

void CampaignStore::close_segment(const method::Method& told) {
  impl_->close_segment(told);
}

void CampaignStore::write_view(const View& view) {
  impl_->write_view(view);
}

void CampaignStore::write_status(const std::string& json_text) {
  write_file(impl_->directory_ / "status.json", {json_text}, Sync::no);
}

fs::path CampaignStore::directory() const {
  return impl_->directory_;
}
fs::path CampaignStore::log_path() const {
  return impl_->directory_ / "log.txt";
}
std::int64_t CampaignStore::num_rounds() const {
  return impl_->num_rounds();
}
std::int64_t CampaignStore::num_evaluations() const {
  return impl_->num_evaluations();
}
std::int64_t CampaignStore::num_failed() const {
  return impl_->num_failed();
}
std::int64_t CampaignStore::num_ran_ahead() const {
  return impl_->num_ran_ahead();
}
std::int64_t CampaignStore::num_asked_later() const {
  return impl_->num_asked_later();
}
std::int64_t CampaignStore::num_to_retry() const {
  return impl_->num_to_retry();
}
std::vector<double> CampaignStore::recent_run_times() const {
  return impl_->recent_run_times();
}
double CampaignStore::elapsed_seconds() const {
  return impl_->elapsed_seconds();
}

}  // namespace invar::store
