#include "store/journal.hpp"

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/crc.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t header_bytes = 64;
constexpr std::string_view magic = "invar journal 1\n";

std::string header() {
  std::string text(magic);
  text.resize(header_bytes - 8, '\0');
  Crc32c crc;
  crc.add(text);
  return text + fmt::format("{:08x}", crc.value());
}

[[noreturn]] void throw_contradiction(const char* what) {
  throw Error(ErrorKind::data, fmt::format("{}; its files are not of one campaign", what));
}

/// Sorts the records of a journal into the rounds they belong to.
class Reader {
 public:
  Reader(std::int64_t first_round, std::vector<StoredRound>& rounds, SpeculativeRuns& speculative)
      : first_round_(first_round), rounds_(rounds), speculative_(speculative) {}

  void take(std::string_view payload) {
    switch (record_kind(payload)) {
      case RecordKind::batch:
        return take_batch(decode_batch(payload));
      case RecordKind::evaluation:
      case RecordKind::evaluation_ran_ahead:
        return take_evaluation(decode_evaluation(payload));
      case RecordKind::speculative:
        return speculative_.add(decode_speculative(payload));
      case RecordKind::round:
        return take_round(decode_round(payload));
    }
    throw Error(ErrorKind::data,
                "a record is of an unknown kind; it was written by another version of invar");
  }

  /// Behind a hole what belongs to lost records is no contradiction.
  [[nodiscard]] bool takes(std::string_view payload) {
    try {
      take(payload);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  /// A round after one that is not told depends on answers that may come out otherwise now.
  void drop_after_first_untold() {
    const auto untold = std::find_if(rounds_.begin(), rounds_.end(),
                                     [](const StoredRound& round) { return !round.row; });
    if (untold != rounds_.end()) {
      rounds_.erase(untold + 1, rounds_.end());
    }
  }

 private:
  void take_batch(method::Batch batch) {
    const std::int64_t at = batch.round - first_round_;
    if (at < 0) {
      return;
    }
    if (at > std::ssize(rounds_)) {
      throw_contradiction("a round before the first of the journal is missing");
    }
    if (at == std::ssize(rounds_)) {
      rounds_.emplace_back(std::move(batch));
    } else if (batch_hash(find(batch.round)->batch()) != batch_hash(batch)) {
      throw_contradiction("two batches are recorded for a round");
    }
  }

  void take_evaluation(const EvaluationRecord& record) {
    if (StoredRound* round = find(record.round)) {
      if (record.sample < 0 || record.sample >= round->num_samples() ||
          !round->fits(record.evaluation)) {
        throw_contradiction("an answer does not fit its batch");
      }
      // An answer that was given before stands, unless the run was repeated.
      if (round->has(record.sample) && !round->row &&
          can_be_retried(round->facts(record.sample).status)) {
        round->forget(record.sample);
      }
      if (!round->has(record.sample)) {
        round->set(record.sample, record.evaluation, record.finished);
      }
    }
    speculative_.take(record.speculative);
  }

  void take_round(RoundRecord record) {
    if (StoredRound* round = find(record.round)) {
      if (!round->is_complete()) {
        throw_contradiction("a round was told before it had all its answers");
      }
      round->row = std::move(record.row);
    }
  }

  /// Nothing for a round that is in history; its own batch comes before everything else of a round.
  StoredRound* find(std::int64_t round) {
    const std::int64_t at = round - first_round_;
    if (at < 0) {
      return nullptr;
    }
    if (at >= std::ssize(rounds_)) {
      throw_contradiction("an answer has no batch");
    }
    return &rounds_[static_cast<std::size_t>(at)];
  }

  std::int64_t first_round_;
  std::vector<StoredRound>& rounds_;
  SpeculativeRuns& speculative_;
};

}  // namespace

fs::path journal_path(const fs::path& campaign, std::int64_t number) {
  return campaign / "journal" / numbered_name("segment-", number, ".log");
}

std::vector<std::int64_t> list_journals(const fs::path& campaign) {
  return list_numbered(campaign / "journal", "segment-", ".log");
}

JournalEnd read_journal(const fs::path& path, std::int64_t first_round,
                        std::vector<StoredRound>& rounds, SpeculativeRuns& speculative) {
  return parse_journal(path, read_file(path), first_round, rounds, speculative);
}

JournalEnd parse_journal(const fs::path& path, std::string_view bytes, std::int64_t first_round,
                         std::vector<StoredRound>& rounds, SpeculativeRuns& speculative) {
  if (!bytes.starts_with(header())) {
    throw Error(ErrorKind::data, fmt::format("{} is not a journal of this version of invar, or its "
                                             "first {} bytes are damaged; to go on without the "
                                             "answers in it, move it away",
                                             path.string(), header_bytes));
  }
  std::string_view rest = bytes.substr(header_bytes);
  Reader reader(first_round, rounds, speculative);
  while (const auto payload = next_payload(rest)) {
    try {
      reader.take(*payload);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{}, byte {}: {}", path.string(),
                                            bytes.size() - rest.size(), error.what()));
    }
    rest.remove_prefix(record_head_bytes + payload->size());
  }
  JournalEnd end{.sound_bytes = bytes.size() - rest.size(), .file_bytes = bytes.size()};
  while (!rest.empty()) {
    const auto payload = next_payload(rest);
    const bool is_record = payload && is_known_kind(*payload);
    const std::size_t size = is_record ? record_head_bytes + payload->size() : 1;
    end.salvaged_bytes += is_record && reader.takes(*payload) ? size : 0;
    rest.remove_prefix(size);
  }
  if (end.salvaged_bytes > 0) {
    reader.drop_after_first_untold();
  }
  return end;
}

std::map<fs::path, std::string> read_all_journals(const fs::path& campaign) {
  std::map<fs::path, std::string> result;
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> now = list_journals(campaign);
  do {
    before = std::move(now);
    result.clear();
    for (const std::int64_t number : before) {
      if (auto bytes = read_file_if_any(journal_path(campaign, number))) {
        result[journal_path(campaign, number)] = std::move(*bytes);
      }
    }
    now = list_journals(campaign);
  } while (now != before);
  return result;
}

std::optional<std::int64_t> first_round_of_journal(std::string_view bytes) {
  if (!bytes.starts_with(header())) {
    return std::nullopt;
  }
  std::string_view rest = bytes.substr(header_bytes);
  while (const auto payload = next_payload(rest)) {
    if (record_kind(*payload) == RecordKind::batch) {
      try {
        return decode_batch(*payload).round;
      } catch (const Error&) {  // of another version: whoever reads the journal is told
        return std::nullopt;
      }
    }
    rest.remove_prefix(record_head_bytes + payload->size());
  }
  return std::nullopt;
}

std::uint64_t write_journal(const fs::path& path, const std::vector<StoredRound>& rounds,
                            const SpeculativeRuns& speculative) {
  std::string bytes = header();
  std::string record;
  for (const StoredRound& round : rounds) {
    encode_batch(record, round.batch());
    bytes += record;
    for (Eigen::Index sample = 0; sample < round.num_samples(); ++sample) {
      if (round.has(sample)) {
        encode_evaluation(record, {.round = round.round(),
                                   .sample = sample,
                                   .finished = round.finished(sample),
                                   .evaluation = round.evaluation(sample)});
        bytes += record;
      }
    }
    if (round.row) {
      encode_round(record, round.round(), *round.row);
      bytes += record;
    }
  }
  for (const SpeculativeRun& run : speculative.all()) {
    encode_speculative(record, run);
    bytes += record;
  }
  write_file(path, {bytes});
  return bytes.size();
}

Journal::Journal(const fs::path& path, std::uint64_t sound_bytes, Syncer& syncer)
    : file_(path, O_WRONLY | O_APPEND), syncer_(syncer), num_bytes_(sound_bytes) {
  if (file_.size() > sound_bytes) {
    file_.truncate(sound_bytes);
    file_.sync();
  }
  syncer_.watch(file_.get());
}

Journal::~Journal() {
  syncer_.watch(-1);
}

void Journal::add_batch(const method::Batch& batch) {
  encode_batch(record_, batch);
  append();
}

void Journal::add_evaluation(const EvaluationRecord& evaluation) {
  encode_evaluation(record_, evaluation);
  append();
}

void Journal::add_speculative(const SpeculativeRun& run) {
  encode_speculative(record_, run);
  append();
}

void Journal::add_round(std::int64_t round, const RoundRow& row) {
  encode_round(record_, round, row);
  append();
}

void Journal::append() {
  if (const int error = syncer_.error(); error != 0) {
    throw_io("sync", file_.path(), error);
  }
  if (is_broken_) {
    throw Error(ErrorKind::io,
                fmt::format("an earlier write to {} failed; what was recorded before "
                            "is safe, and the campaign can be resumed",
                            file_.path().string()));
  }
  is_broken_ = true;
  file_.write(record_);
  is_broken_ = false;
  num_bytes_ += record_.size();
  syncer_.mark();
}

}  // namespace invar::store
