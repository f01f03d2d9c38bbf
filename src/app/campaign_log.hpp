#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "app/progress.hpp"
#include "invar/method/observer.hpp"

namespace spdlog {
class logger;
}

namespace invar::app {

/// Messages of a campaign: to stderr, and with times to its log.txt once that is there. Every
/// failed evaluation gets a line in log.txt.
///
/// MPI: Manager only.
class CampaignLog final : public method::Observer {
 public:
  /// @param progress  its line is ended before a message is written
  explicit CampaignLog(Progress& progress);
  CampaignLog(const CampaignLog&) = delete;
  CampaignLog& operator=(const CampaignLog&) = delete;
  CampaignLog(CampaignLog&&) = delete;
  CampaignLog& operator=(CampaignLog&&) = delete;
  ~CampaignLog() override;

  /// Goes on in this file, at its end.
  /// @throws Error(io)
  void open(const std::filesystem::path& path);

  void say(const std::string& message);

  void on_evaluation(const method::Batch& batch, Eigen::Index sample,
                     const method::Evaluation& evaluation) override;
  void on_round(const method::RoundReport& report) override;

 private:
  Progress* progress_;
  std::unique_ptr<spdlog::logger> file_;  // none before `open`
};

}  // namespace invar::app
