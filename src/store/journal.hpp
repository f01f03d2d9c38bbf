#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/files.hpp"
#include "store/journal_record.hpp"
#include "store/speculative_runs.hpp"
#include "store/stored_round.hpp"
#include "store/syncer.hpp"

namespace invar::store {

// A journal is a header of 64 bytes and records [u32 length][u32 CRC-32C of the payload][payload],
// in the byte order of little-endian machines. A payload begins with a byte for what it is:
//   'B'  a batch is about to be dispatched: round, first id, the points
//   'E'  an answer: round, sample, status, times, group, attempts, host, message, QoIs
//   'S'  a run made ahead: number, round under way, point, what was wanted, and the outcome as in E
//   'A'  an answer that ran ahead: the number of the S that it was, or -1 when it was asked for
//        before it had ended; then as E
//   'R'  a round is told: round, seconds, scalars, mean, std, those of the proposal, messages
// So a journal alone has all that its history file will have.

std::filesystem::path journal_path(const std::filesystem::path& campaign, std::int64_t number);
std::vector<std::int64_t> list_journals(const std::filesystem::path& campaign);

/// What reading a journal met.
struct JournalEnd {
  std::uint64_t sound_bytes = 0;  // up to the first record that is torn or damaged
  std::uint64_t file_bytes = 0;
  std::uint64_t salvaged_bytes = 0;  // in sound records after that one: no kill leaves such a hole

  [[nodiscard]] std::uint64_t lost_bytes() const {
    return file_bytes - sound_bytes - salvaged_bytes;
  }
};

/// Adds the content of a journal to `rounds`, which are those from `first_round` on, without gaps.
/// What is known already, or belongs to earlier rounds, is passed over. After a damaged record
/// those that follow it are looked for; they count as far as they still fit, up to the first round
/// that is not told. Runs made ahead go to `speculative`, and from there when they are answers.
/// @throws Error(data)  when the file is not a journal of this version, or contradicts `rounds`
/// @throws Error(io)
JournalEnd read_journal(const std::filesystem::path& path, std::int64_t first_round,
                        std::vector<StoredRound>& rounds, SpeculativeRuns& speculative);

/// The same, of bytes that were read before; `path` is for messages.
JournalEnd parse_journal(const std::filesystem::path& path, std::string_view bytes,
                         std::int64_t first_round, std::vector<StoredRound>& rounds,
                         SpeculativeRuns& speculative);

/// The journals' bytes by path, of a campaign that may be running: as they are at one moment, when
/// a segment closes meanwhile.
std::map<std::filesystem::path, std::string> read_all_journals(
    const std::filesystem::path& campaign);

/// The round of the first batch of a journal; none where it has no sound batch.
std::optional<std::int64_t> first_round_of_journal(std::string_view bytes);

/// Begins a journal with some rounds and runs made ahead in it, durably: it is complete before it
/// has its name.
/// @return its length
std::uint64_t write_journal(const std::filesystem::path& path,
                            const std::vector<StoredRound>& rounds,
                            const SpeculativeRuns& speculative);

/// A journal that is being written.
class Journal {
 public:
  /// Goes on with a journal, whose torn tail is cut off.
  Journal(const std::filesystem::path& path, std::uint64_t sound_bytes, Syncer& syncer);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  Journal(Journal&&) = delete;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  // Each is one write(2): it outlives a kill once the call returns.
  // @throws Error(io)  then and from then on: the tail of the file may be torn
  void add_batch(const method::Batch& batch);
  void add_evaluation(const EvaluationRecord& evaluation);
  void add_speculative(const SpeculativeRun& run);
  void add_round(std::int64_t round, const RoundRow& row);

  [[nodiscard]] std::uint64_t num_bytes() const { return num_bytes_; }
  [[nodiscard]] const std::filesystem::path& path() const { return file_.path(); }

 private:
  void append();

  File file_;
  Syncer& syncer_;
  std::uint64_t num_bytes_;
  std::string record_;  // reused
  bool is_broken_ = false;
};

}  // namespace invar::store
