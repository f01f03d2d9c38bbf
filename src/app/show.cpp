#include "app/show.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/progress.hpp"
#include "app/study_bundle.hpp"
#include "campaign/failure_report.hpp"
#include "campaign/json_number.hpp"
#include "invar/store/record.hpp"
#include "invar/store/summary.hpp"

namespace invar::app {
namespace {

using campaign::json_number;
using nlohmann::json;

json numbers(const Eigen::VectorXd& values) {
  json list = json::array();
  for (const double value : values) {
    list.push_back(json_number(value));
  }
  return list;
}

/// status.json, or an empty object while there is none. What says "running" and is in nobody's
/// hands was interrupted.
json status_of(const store::CampaignSummary& summary) {
  json status = json::parse(summary.status_json.value_or("{}"), nullptr, false);
  if (!status.is_object()) {
    return json::object();
  }
  if (status.value("status", "") == "running" && !summary.is_open) {
    status["status"] = "interrupted";
    status["message"] = "`invar resume` continues it";
  }
  return status;
}

}  // namespace

std::string show_json(const std::filesystem::path& directory) {
  const store::CampaignSummary summary = store::read_summary(directory);
  const json status = status_of(summary);
  json shown = {
      {"status", status.value("status", "unknown")},
      {"stop_reason", status.value("stop_reason", "none")},
      {"rounds", summary.num_rounds},
      {"evaluations", summary.num_evaluations},
      {"failed", summary.num_failed},
      {"posterior", nullptr},
      {"elbo", nullptr},
      {"normalised_elbo", nullptr},
      {"seconds", status.value("seconds", 0.0)},
  };
  if (const auto& posterior = summary.posterior) {
    json covariance = json::array();
    for (Eigen::Index j = 0; j < posterior->covariance.rows(); ++j) {
      covariance.push_back(numbers(posterior->covariance.row(j).transpose()));
    }
    shown["posterior"] = {{"names", posterior->names},
                          {"mean", numbers(posterior->mean)},
                          {"std", numbers(posterior->std)},
                          {"covariance", covariance}};
    shown["elbo"] = json_number(posterior->elbo);
    shown["normalised_elbo"] = json_number(posterior->normalised_elbo);
  }
  return shown.dump(2) + "\n";
}

std::string show_text(const std::filesystem::path& directory) {
  const store::CampaignSummary summary = store::read_summary(directory);
  const json status = status_of(summary);
  std::string text = fmt::format("campaign {}\n", directory.string());
  if (status.contains("status")) {
    const std::string reason = status.value("stop_reason", "none");
    text += fmt::format("status        {}{}, {}\n", status.value("status", "unknown"),
                        reason == "none" ? "" : " (" + reason + ")",
                        duration_text(status.value("seconds", 0.0)));
    if (const std::string message = status.value("message", ""); !message.empty()) {
      text += fmt::format("              {}\n", message);
    }
  }
  text += fmt::format("rounds        {}\n", summary.num_rounds);
  text += fmt::format("evaluations   {} ({} failed, {} in the journal)\n", summary.num_evaluations,
                      summary.num_failed, summary.num_journalled);
  if (summary.num_failed > 0) {
    text += "failures      `invar show DIR --failures` says how, where and when\n";
  }
  for (const std::string& note : summary.notes) {
    text += "note          " + note + "\n";
  }
  if (!summary.notes.empty()) {
    text += "              `invar pack` makes campaign.h5 anew from the records\n";
  }
  if (!summary.posterior) {
    return text +
           "no posterior yet: campaign.h5 is written at the end and now and then before it\n";
  }
  const store::PosteriorSummary& posterior = *summary.posterior;
  text += fmt::format(
      "ELBO          {:.8g} +- {:.2g} as the method scales it; {:.6g} normalised, a lower bound of "
      "the log evidence\n\n",
      posterior.elbo, posterior.elbo_standard_error, posterior.normalised_elbo);
  std::size_t width = 9;
  for (const std::string& name : posterior.names) {
    width = std::max(width, name.size());
  }
  text += fmt::format("{:{}}  {:>14}  {:>14}  unit\n", "parameter", width, "mean", "std");
  for (std::size_t j = 0; j < posterior.names.size(); ++j) {
    const auto row = static_cast<Eigen::Index>(j);
    text += fmt::format("{:{}}  {:>14.7g}  {:>14.7g}  {}\n", posterior.names[j], width,
                        posterior.mean[row], posterior.std[row],
                        j < posterior.units.size() ? posterior.units[j] : "");
  }
  return text;
}

std::string show_failures(const std::filesystem::path& directory,
                          const model::ModelRegistry& registry) {
  store::RecordedEvaluations record = store::read_evaluations(directory);
  const LoadedStudy loaded = load_study(directory / "study.yaml", {}, registry);
  std::string text =
      campaign::to_text(campaign::report_failures({.points = std::move(record.points),
                                                   .names = loaded.study.space.names,
                                                   .statuses = std::move(record.statuses),
                                                   .hosts = std::move(record.hosts),
                                                   .rounds = std::move(record.rounds)}));
  for (const std::string& note : record.notes) {
    text += "note          " + note + "\n";
  }
  return text;
}

}  // namespace invar::app
