#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/method/method.hpp"
#include "invar/store/create_campaign.hpp"
#include "invar/store/restart_point.hpp"
#include "invar/store/view.hpp"

namespace invar::store {

/// How the store trades disk work for safety.
struct StoreOptions {
  int restart_files_to_keep = 10;   // >= 1
  double segment_seconds = 5.0;     // a segment closes at the end of a round once it is this old,
  double segment_megabytes = 16.0;  // or its journal this large
  double fsync_interval_s = 0.2;    // how long an answer may be safe from a kill, yet not from a
                                    // power failure
  double lock_timeout_s = 10.0;     // how long to wait for another program to let go
  bool retry_failed = false;        // runs of a round not told yet that the world let fail
                                    // (timeout, crashed, transport, cancelled) count as not done
};

/// The campaign directory, open for one program: the journal, history, restart files and view.
///
/// Call in this order, once per round: `begin_batch`, `record` for every answer that was not known,
/// `commit`; then `close_segment` at the end or at an orderly stop, also in the middle of a round.
///
/// An evaluation outlives a kill at any instruction once `record` has returned, and a power failure
/// `fsync_interval_s` later. What the helper thread that syncs meets (a full disk) is thrown by the
/// next `record`, `begin_batch` or `commit`; after an error of the journal every further one
/// throws, and the directory can be resumed.
///
/// MPI: Manager only.
class CampaignStore {
 public:
  /// Locks the campaign, cuts what a kill left behind, and finds where to go on.
  ///
  /// Cost: the journal, one restart file, the newest 64 MB of history (for their checksums; the
  /// rest is verified whenever campaign.h5 is written) and 512 bytes of every other history segment
  /// are read.
  ///
  /// @pre options.restart_files_to_keep >= 1
  /// @throws Error(no_input)  when the directory is not a campaign
  /// @throws Error(io)        when another program (named) holds it, or it cannot be written
  /// @throws Error(data)      when a history segment is damaged or missing and its journal is gone,
  ///                          or a file is not ours
  explicit CampaignStore(std::filesystem::path directory, StoreOptions options = {});
  ~CampaignStore();
  CampaignStore(const CampaignStore&) = delete;
  CampaignStore& operator=(const CampaignStore&) = delete;
  CampaignStore(CampaignStore&&) = delete;
  CampaignStore& operator=(CampaignStore&&) = delete;

  /// What opening the campaign had to repair or pass over; empty when all was in order.
  [[nodiscard]] const std::vector<std::string>& recovery_notes() const;

  /// The state to restore; none means to start from the beginning, answering from what is stored.
  [[nodiscard]] const std::optional<RestartPoint>& restart_point() const;

  /// study.yaml and its data files, as they are on disk.
  /// @throws Error(data)  when one was edited, is damaged or missing
  /// @throws Error(io)    when they cannot be read
  [[nodiscard]] Manifest manifest() const;

  /// study.yaml byte for byte, with its checksums.
  /// @throws Error(io)
  [[nodiscard]] std::string study_text() const;

  /// Replaces study.yaml and adds data files: a study that was changed at a resume. It becomes the
  /// next revision.
  ///
  /// @param moves_target  prior, data or noise are others: rounds told so far cannot be told again
  ///                      under this study, and the restart file after them is kept for good
  /// @pre no data file of that name and other content is there: what a kill interrupts is whole,
  ///      before or after the change
  /// @throws Error(io)
  void replace_manifest(Manifest manifest, bool moves_target);

  /// The batch that is recorded for a round, told or not.
  /// @throws Error(data, io)  when its segment of history cannot be read
  [[nodiscard]] std::optional<method::Batch> recorded_batch(std::int64_t round);

  /// Whether the record has this round as told.
  /// @throws Error(data, io)  when its segment of history cannot be read
  [[nodiscard]] bool is_told(std::int64_t round);

  /// Whether all rounds that were told before are told again.
  [[nodiscard]] bool is_replayed() const;

  /// The recorded answers to this batch, by sample; none where the model has to run.
  ///
  /// A batch that is new is journalled before this returns, and so are the answers that were run
  /// ahead: good runs of the very same question, recorded by `record_ahead`. With `retry_failed`
  /// the answers to repeat are left out; what is recorded for them then takes their place.
  ///
  /// @pre rounds come without gaps, from restart_point()->num_rounds on (from 0 without one)
  /// @throws Error(data)  when another batch is recorded for this round
  /// @throws Error(io)
  std::vector<std::optional<method::Evaluation>> begin_batch(const method::Batch& batch);

  /// Journals the answer to a sample, and writes the capsule failed/<id> when it is a failure.
  ///
  /// Cost: one write(2).
  ///
  /// @pre the batch is the one begun last, and `begin_batch` gave no answer for the sample
  /// @throws Error(io)
  void record(const method::Batch& batch, Eigen::Index sample,
              const method::Evaluation& evaluation);

  /// The samples of a batch that nobody has asked for yet of which no run is recorded; those that
  /// failed count as recorded.
  [[nodiscard]] std::vector<Eigen::Index> samples_to_run_ahead(const method::Batch& batch) const;

  /// Journals a run that nobody has asked for. It is an answer when `begin_batch` is given its very
  /// question within the next rounds, and stands under /speculative of campaign.h5 otherwise; its
  /// derivatives are kept only as long as it may become an answer.
  ///
  /// Cost: one write(2).
  ///
  /// @pre evaluation.ran_ahead
  /// @throws Error(io)
  void record_ahead(const method::Question& question, const method::Evaluation& evaluation);

  /// Stores what a told round did; closes the segment when that is due.
  ///
  /// A round that was stored before is compared with it instead, bit for bit but for `seconds`.
  ///
  /// @param seconds  how long the round took
  /// @param told     the method after `tell`
  /// @pre  `round` is the one begun last and each of its samples has an answer
  /// @throws Error(data)  when a replayed round differs from the stored one
  /// @throws Error(io)
  void commit(std::int64_t round, const method::RoundDiagnostics& diagnostics, double seconds,
              const method::Method& told);

  /// Moves the rounds told so far from the journal to a history segment and writes a restart file;
  /// answers of a round that was not told stay journalled. Nothing new: nothing is written.
  /// @throws Error(io)
  void close_segment(const method::Method& told);

  /// Writes campaign.h5 anew and renames it: all rounds, and all evaluations recorded so far.
  ///
  /// Cost: every segment is read once; memory holds one segment at a time.
  ///
  /// @throws Error(data)  when a history segment is damaged
  /// @throws Error(io)
  void write_view(const View& view);

  /// Replaces status.json.
  /// @throws Error(io)
  void write_status(const std::string& json_text);

  [[nodiscard]] std::filesystem::path directory() const;
  [[nodiscard]] std::filesystem::path log_path() const;  // log.txt

  /// Rounds told and stored; those after the restart point count once they are committed again.
  [[nodiscard]] std::int64_t num_rounds() const;
  /// Evaluations stored, in history and journal, also those of rounds that wait to be replayed.
  [[nodiscard]] std::int64_t num_evaluations() const;
  [[nodiscard]] std::int64_t num_failed() const;
  /// Runs that began before they were asked for, and how many of them were asked for later.
  [[nodiscard]] std::int64_t num_ran_ahead() const;
  [[nodiscard]] std::int64_t num_asked_later() const;
  /// Failed runs of the round that is not told yet that `retry_failed` repeats.
  [[nodiscard]] std::int64_t num_to_retry() const;
  /// How long the newest good runs and timeouts took, in seconds, oldest first: those of the
  /// journal, or of the last segment of history when that has none.
  /// @throws Error(data, io)  when that segment cannot be read
  [[nodiscard]] std::vector<double> recent_run_times() const;
  /// Seconds that all rounds told so far took.
  [[nodiscard]] double elapsed_seconds() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace invar::store
