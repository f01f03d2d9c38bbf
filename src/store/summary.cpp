#include "invar/store/summary.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/files.hpp"
#include "store/hdf5.hpp"
#include "store/history.hpp"
#include "store/journal.hpp"
#include "store/layout.hpp"
#include "store/lock.hpp"
#include "store/restart_file.hpp"
#include "store/sealed_file.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

/// Journals are read before history, so that a round that moves on is not missed.
void count_stored(const fs::path& campaign, CampaignSummary& summary) {
  const std::map<fs::path, std::string> journals = read_all_journals(campaign);
  SpeculativeRuns speculative;
  for (const std::int64_t number : list_history(campaign)) {
    try {
      const HistoryEntry entry = read_history_entry(campaign, number);
      summary.num_rounds = std::max(summary.num_rounds, entry.end_round);
      summary.num_evaluations += entry.num_evaluations;
      summary.num_failed += entry.num_failed;
      summary.num_ran_ahead += entry.num_ran_ahead + entry.num_speculative;
      summary.num_asked_later += entry.num_ran_ahead;
      speculative = SpeculativeRuns(entry.speculative_end);
    } catch (const Error& error) {
      summary.notes.emplace_back(error.what());
    }
  }
  std::vector<StoredRound> journalled;
  for (const auto& [path, bytes] : journals) {
    try {
      const JournalEnd end =
          parse_journal(path, bytes, summary.num_rounds, journalled, speculative);
      if (end.lost_bytes() > 0 && !summary.is_open) {  // else it is being written
        summary.notes.push_back(fmt::format("{}: {} bytes that are torn or damaged are left out",
                                            path.string(), end.lost_bytes()));
      }
    } catch (const Error& error) {
      summary.notes.emplace_back(error.what());
    }
  }
  for (const StoredRound& round : journalled) {
    summary.num_rounds += round.row ? 1 : 0;
    summary.num_journalled += round.num_recorded();
    summary.num_evaluations += round.num_recorded();
    summary.num_failed += round.num_failed();
    summary.num_ran_ahead += round.num_ran_ahead();
    summary.num_asked_later += round.num_ran_ahead();
  }
  summary.num_ran_ahead += std::ssize(speculative.all());
}

std::optional<PosteriorSummary> read_posterior(const fs::path& path) {
  verify_sealed_file(path, "view");
  const h5::Handle file = h5::open_on_disk(path);
  if (!h5::exists(file.get(), "posterior")) {
    return std::nullopt;
  }
  const h5::Handle posterior(H5Gopen2(file.get(), "posterior", H5P_DEFAULT), H5Gclose,
                             "open group posterior");
  PosteriorSummary summary{
      .names = h5::read<std::string>(file.get(), "parameters/names"),
      .units = h5::read<std::string>(file.get(), "parameters/units"),
      .mean = h5::read_vector(posterior.get(), "mean"),
      .std = h5::read_vector(posterior.get(), "std"),
      .covariance = h5::exists(posterior.get(), "covariance")
                        ? h5::read_matrix(posterior.get(), "covariance")
                        : Eigen::MatrixXd{},
      .elbo = h5::read_real_attribute(posterior.get(), "elbo"),
      .elbo_standard_error = h5::read_real_attribute(posterior.get(), "elbo_standard_error"),
      .normalised_elbo = h5::read_real_attribute(posterior.get(), "normalised_elbo"),
      .diagnostics = {},
      .findings = {}};
  if (h5::exists(posterior.get(), "diagnostics")) {
    summary.diagnostics = read_state(posterior.get(), "diagnostics");
  }
  if (h5::exists(posterior.get(), "findings")) {
    summary.findings = h5::read<std::string>(posterior.get(), "findings");
  }
  return summary;
}

}  // namespace

CampaignSummary read_summary(const fs::path& directory) {
  require_campaign(directory);
  CampaignSummary summary;
  summary.status_json = read_file_if_any(directory / "status.json");
  summary.is_open = is_locked(directory);
  count_stored(directory, summary);
  const fs::path view = directory / "campaign.h5";
  std::error_code ignored;
  if (fs::exists(view, ignored)) {
    try {
      summary.posterior = read_posterior(view);
    } catch (const Error& error) {
      summary.notes.push_back(
          fmt::format("{}; `invar pack` makes it anew from the records", error.what()));
    }
  }
  return summary;
}

}  // namespace invar::store
