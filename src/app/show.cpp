#include "app/show.hpp"

#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/parameter_table.hpp"
#include "app/progress.hpp"
#include "app/study_bundle.hpp"
#include "campaign/failure_report.hpp"
#include "campaign/json_number.hpp"
#include "campaign/status_text.hpp"
#include "invar/campaign/reuse.hpp"
#include "invar/store/record.hpp"
#include "invar/store/summary.hpp"

namespace invar::app {
namespace {

using campaign::json_number;
using campaign::json_numbers;
using campaign::RecordedStatus;
using nlohmann::json;

struct Shown {
  store::CampaignSummary summary;
  RecordedStatus status;
  std::vector<campaign::ReusedCount> reused;
};

/// What says "running", or nothing yet, and is in nobody's hands was interrupted.
Shown look_at(const std::filesystem::path& directory) {
  Shown shown{.summary = store::read_summary(directory), .status = {}, .reused = {}};
  try {
    shown.reused = campaign::count_reused(directory);
  } catch (const Error& error) {
    shown.summary.notes.emplace_back(error.what());
  }
  shown.status = campaign::read_status(shown.summary.status_json);
  if (shown.status.is_damaged) {
    shown.summary.notes.push_back((directory / "status.json").string() +
                                  " is damaged and left out; the next resume writes it anew");
  }
  const bool says_nothing = !shown.summary.status_json && !shown.status.is_damaged;
  if ((shown.status.status == "running" || says_nothing) && !shown.summary.is_open) {
    shown.status.status = "interrupted";
    shown.status.message = "`invar resume` continues it";
  }
  return shown;
}

/// Takes runs that were never made out of a record; how many there were.
std::int64_t leave_out_cancelled(store::RecordedEvaluations& record) {
  std::vector<Eigen::Index> made;
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (record.statuses[i] != Status::cancelled) {
      made.push_back(static_cast<Eigen::Index>(i));
    }
  }
  const auto num_given_up = std::ssize(record.ids) - std::ssize(made);
  if (num_given_up > 0) {
    record.points = Eigen::MatrixXd(record.points(Eigen::all, made));
    const auto keep = [&made](auto& column) {
      std::remove_reference_t<decltype(column)> kept;
      for (const Eigen::Index i : made) {
        kept.push_back(column[static_cast<std::size_t>(i)]);
      }
      column = std::move(kept);
    };
    keep(record.statuses);
    keep(record.hosts);
    keep(record.rounds);
  }
  return num_given_up;
}

/// Numbers, texts and lists; matrices are for campaign.h5.
json diagnostics_json(const method::State& diagnostics) {
  json shown = json::object();
  for (const auto& [name, value] : diagnostics.values()) {
    std::visit(
        [&shown, &key = name](const auto& v) {
          using T = std::decay_t<decltype(v)>;
          if constexpr (std::is_same_v<T, double>) {
            shown[key] = json_number(v);
          } else if constexpr (std::is_same_v<T, Eigen::VectorXd>) {
            shown[key] = json_numbers(v);
          } else if constexpr (!std::is_same_v<T, Eigen::MatrixXd>) {
            shown[key] = v;
          }
        },
        value);
  }
  return shown;
}

}  // namespace

std::string show_json(const std::filesystem::path& directory) {
  const auto [summary, status, counts] = look_at(directory);
  json reused = json::array();
  for (const auto& [num_runs, origin] : counts) {
    reused.push_back({{"runs", num_runs}, {"origin", origin}});
  }
  json shown = {
      {"status", status.status},
      {"stop_reason", status.stop_reason},
      {"rounds", summary.num_rounds},
      {"evaluations", summary.num_evaluations},
      {"failed", summary.num_failed},
      {"ran_ahead", summary.num_ran_ahead},
      {"asked_later", summary.num_asked_later},
      {"reused", reused},
      {"posterior", nullptr},
      {"elbo", nullptr},
      {"normalised_elbo", nullptr},
      {"seconds", status.seconds},
      {"notes", summary.notes},
  };
  if (const auto& posterior = summary.posterior) {
    json covariance;  // null where there are too many parameters to write it out
    for (Eigen::Index j = 0; j < posterior->covariance.rows(); ++j) {
      covariance.push_back(json_numbers(posterior->covariance.row(j).transpose()));
    }
    shown["posterior"] = {{"names", posterior->names},
                          {"mean", json_numbers(posterior->mean)},
                          {"std", json_numbers(posterior->std)},
                          {"covariance", covariance},
                          {"diagnostics", diagnostics_json(posterior->diagnostics)},
                          {"findings", posterior->findings}};
    shown["elbo"] = json_number(posterior->elbo);
    shown["normalised_elbo"] = json_number(posterior->normalised_elbo);
  }
  return shown.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string show_text(const std::filesystem::path& directory) {
  const auto [summary, status, reused] = look_at(directory);
  std::string text = fmt::format("campaign {}\n", directory.string());
  if (summary.status_json && !status.is_damaged) {
    text += fmt::format("status        {}{}, {}\n", status.status,
                        status.stop_reason == "none" ? "" : " (" + status.stop_reason + ")",
                        duration_text(status.seconds));
    if (!status.message.empty()) {
      text += fmt::format("              {}\n", status.message);
    }
  }
  text += fmt::format("rounds        {}\n", summary.num_rounds);
  text += fmt::format("evaluations   {} ({} failed, {} in the journal)\n", summary.num_evaluations,
                      summary.num_failed, summary.num_journalled);
  for (const auto& [num_runs, origin] : reused) {
    text += fmt::format("reused        {} runs of {} are used too\n", num_runs, origin);
  }
  if (summary.num_ran_ahead > 0) {
    text += fmt::format("ran ahead     {} runs on idle groups; {} of them were asked for later\n",
                        summary.num_ran_ahead, summary.num_asked_later);
  }
  if (summary.num_failed > 0) {
    text += "failures      `invar show DIR --failures` says how, where and when\n";
  }
  for (const std::string& note : summary.notes) {
    text += "note          " + note + "\n";
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
  text += parameter_table(posterior.names, posterior.units, posterior.mean, posterior.std);
  if (!posterior.findings.empty()) {
    text += fmt::format("\nwhat this says\n{}\n", fmt::join(posterior.findings, "\n"));
  }
  return text;
}

std::string show_failures(const std::filesystem::path& directory,
                          const model::ModelRegistry& registry) {
  store::RecordedEvaluations record = store::read_evaluations(directory);
  const LoadedStudy loaded = load_study(directory / "study.yaml", {}, registry);
  const std::int64_t num_given_up = leave_out_cancelled(record);
  std::string text =
      campaign::to_text(campaign::report_failures({.points = std::move(record.points),
                                                   .names = loaded.study.space.names,
                                                   .statuses = std::move(record.statuses),
                                                   .hosts = std::move(record.hosts),
                                                   .rounds = std::move(record.rounds)}));
  if (num_given_up > 0) {
    text += fmt::format("given up      {} runs, at a change of the study; not counted here\n",
                        num_given_up);
  }
  for (const std::string& note : record.notes) {
    text += "note          " + note + "\n";
  }
  return text;
}

}  // namespace invar::app
