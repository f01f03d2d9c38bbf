#include "app/campaign_log.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include "invar/core/error.hpp"

namespace invar::app {

CampaignLog::CampaignLog(Progress& progress) : progress_(&progress) {}

CampaignLog::~CampaignLog() = default;

void CampaignLog::open(const std::filesystem::path& path) {
  try {
    file_ = std::make_unique<spdlog::logger>(
        "campaign", std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string()));
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(ErrorKind::io,
                fmt::format("{} cannot be written: {}", path.string(), error.what()));
  }
  file_->set_pattern("%Y-%m-%dT%H:%M:%S%z %v");
  file_->flush_on(spdlog::level::info);
}

void CampaignLog::say(const std::string& message) {
  progress_->finish();
  std::fprintf(stderr, "invar: %s\n", message.c_str());
  if (file_) {
    file_->info(message);
  }
}

void CampaignLog::on_evaluation(const method::Batch& batch, Eigen::Index sample,
                                const method::Evaluation& evaluation) {
  if (file_ && evaluation.status != method::Status::ok) {
    file_->info("evaluation {} of round {}: {}: {} (attempt {}, host {})", batch.first_id + sample,
                batch.round, method::status_name(evaluation.status), evaluation.message,
                evaluation.attempts, evaluation.host);
  }
}

void CampaignLog::on_round(const method::RoundReport& report) {
  for (const std::string& message : report.diagnostics.messages) {
    say(fmt::format("round {}: {}", report.batch.round, message));
  }
}

}  // namespace invar::app
