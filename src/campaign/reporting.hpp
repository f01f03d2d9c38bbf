#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "invar/method/observer.hpp"
#include "invar/parallel/stop_control.hpp"
#include "invar/store/campaign_store.hpp"

namespace invar::campaign {

/// Seconds between two looks at a clock.
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void restart() { start_ = std::chrono::steady_clock::now(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Keeps status.json up to date while the campaign runs, at most once a second.
///
/// MPI: Manager only.
class StatusWriter final : public method::Observer {
 public:
  StatusWriter(store::CampaignStore& store, int num_ranks)
      : store_(&store), num_ranks_(num_ranks) {}

  void on_evaluation(const method::Batch& batch, Eigen::Index sample,
                     const method::Evaluation& evaluation) override;
  void on_round(const method::RoundReport& report) override;

  /// One line for people: rounds, evaluations and seconds so far.
  [[nodiscard]] std::string line() const;

  /// Writes the status now.
  /// @param status  "running", "finished", "stopped" or "failed"
  void write(const std::string& status, method::StopReason reason, const std::string& message);

  /// Says that the campaign is still running: now, or when nothing was said for ten seconds.
  void write_running() { write("running", method::StopReason::none, ""); }
  void write_if_silent();

  /// The same after an error, which must not be hidden by another one.
  void write_if_possible(const std::string& status, const std::string& message) noexcept;

 private:
  void write_if_due();

  store::CampaignStore* store_;
  int num_ranks_;
  Stopwatch since_written_;
  method::RoundDiagnostics last_round_;
  bool is_first_ = true;
};

/// Answers requests from outside while the campaign runs: a status when one is asked for, and a
/// word when a stop is under way.
///
/// MPI: Manager only.
class RequestWatch final : public method::Observer {
 public:
  /// Lifetime: all outlive it.
  RequestWatch(parallel::StopControl& stop, StatusWriter& status,
               const std::function<void(const std::string&)>& say)
      : stop_(&stop), status_(&status), say_(&say) {}

  void on_evaluation(const method::Batch& batch, Eigen::Index sample,
                     const method::Evaluation& evaluation) override;
  void on_round(const method::RoundReport& report) override;

  /// Looks for requests.
  void look();

 private:
  parallel::StopControl* stop_;
  StatusWriter* status_;
  const std::function<void(const std::string&)>* say_;
  bool has_told_of_stop_ = false;
};

/// The number of ranks that a campaign last ran on, as status.json says; 1 where it does not.
int recorded_ranks(const std::filesystem::path& directory);

/// Refreshes campaign.h5 while the campaign runs, with at most 1 % of the elapsed time.
///
/// MPI: Manager only.
class ViewRefresher final : public method::Observer {
 public:
  /// @param write  writes the view as things stand
  explicit ViewRefresher(std::function<void()> write) : write_(std::move(write)) {}

  void on_round(const method::RoundReport& report) override;

 private:
  std::function<void()> write_;
  Stopwatch since_written_;
  double last_cost_ = 0.1;  // seconds; a guess before the first one
};

}  // namespace invar::campaign
