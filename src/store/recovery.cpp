#include "store/recovery.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/files.hpp"
#include "store/journal.hpp"
#include "store/layout.hpp"
#include "store/restart_file.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

void set_aside(const fs::path& path) {
  const std::string aside = path.string() + ".damaged";
  if (std::rename(path.c_str(), aside.c_str()) != 0) {
    throw_io("set aside", path, errno);
  }
}

/// The sound segments of history. One that is damaged is set aside when the journal that it was
/// made of is still there.
void recover_history(const fs::path& campaign, Recovered& found) {
  for (const std::int64_t number : list_history(campaign)) {
    const fs::path path = history_path(campaign, number);
    if (number != found.next_number()) {
      throw Error(ErrorKind::data,
                  fmt::format("{} is missing, {} is there; put it back, or start a new campaign",
                              history_path(campaign, found.next_number()).string(),
                              path.filename().string()));
    }
    const bool has_journal =
        std::find(found.journals.begin(), found.journals.end(), number) != found.journals.end();
    try {
      const HistoryEntry entry = read_history_entry(campaign, number);
      if (has_journal) {
        read_history(entry);  // before its journal goes
      }
      if (entry.first_round != found.history_end()) {
        throw Error(ErrorKind::data,
                    fmt::format("{} begins with round {} instead of {}; it is of another campaign",
                                path.string(), entry.first_round, found.history_end()));
      }
      found.history.push_back(entry);
    } catch (const Error& error) {
      if (!has_journal || error.kind() != ErrorKind::data) {
        throw;
      }
      set_aside(path);
      found.notes.push_back(
          fmt::format("{}; it is set aside as *.damaged, and made again from its "
                      "journal",
                      error.what()));
    }
  }
}

void recover_journals(const fs::path& campaign, Recovered& found) {
  found.speculative =
      SpeculativeRuns(found.history.empty() ? 0 : found.history.back().speculative_end);
  for (const std::int64_t number : found.journals) {
    const fs::path path = journal_path(campaign, number);
    const JournalEnd end =
        read_journal(path, found.history_end(), found.pending, found.speculative);
    found.sound_journal_bytes = end.sound_bytes;
    if (end.salvaged_bytes > 0) {
      found.has_holes = true;
      const fs::path aside = path.string() + ".damaged";
      write_file(aside, {read_file(path)});
      found.notes.push_back(
          fmt::format("{}: {} bytes from byte {} on are damaged; {} bytes of sound records after "
                      "them are kept, and the file as it was as {}",
                      path.string(), end.lost_bytes(), end.sound_bytes, end.salvaged_bytes,
                      aside.filename().string()));
    } else if (end.lost_bytes() > 0) {
      found.notes.push_back(fmt::format("{}: cut {} bytes of a torn or damaged tail", path.string(),
                                        end.lost_bytes()));
    }
  }
}

/// Looks through history before anything is run, newest first, as far as that costs no time. What
/// is older is looked through whenever campaign.h5 is written.
void verify_history(const Recovered& found) {
  constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20;
  std::uint64_t num_bytes = 0;
  for (std::size_t i = found.history.size(); i-- > 0;) {
    num_bytes += fs::file_size(found.history[i].path);
    if (num_bytes > most_bytes) {
      return;
    }
    verify_history_file(found.history[i]);
  }
}

void recover_restart(const fs::path& campaign, Recovered& found) {
  std::vector<std::int64_t> available = list_restart_files(campaign);
  std::vector<std::string> damaged;
  while (!available.empty() && !found.restart) {
    const fs::path path = restart_path(campaign, available.back());
    available.pop_back();
    try {
      found.restart = read_restart_file(path);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) {
        throw;
      }
      set_aside(path);
      damaged.emplace_back(error.what());
    }
  }
  for (const std::string& what : damaged) {
    found.notes.push_back(
        found.restart
            ? fmt::format("{}; it is set aside as *.damaged, going on after round {} instead", what,
                          found.restart->num_rounds)
            : fmt::format("{}; it is set aside as *.damaged, going on from the beginning instead",
                          what));
  }
  const auto num_told = std::count_if(found.pending.begin(), found.pending.end(),
                                      [](const StoredRound& round) { return round.row; });
  if (found.restart && found.restart->num_rounds > found.history_end() + num_told) {
    throw Error(ErrorKind::data,
                fmt::format("{} goes on after {} rounds, but only {} are stored: a history segment "
                            "is missing; put it back, or move this restart file away to compute "
                            "the missing rounds again",
                            restart_path(campaign, found.restart->num_rounds).string(),
                            found.restart->num_rounds, found.history_end() + num_told));
  }
}

}  // namespace

Recovered recover(const fs::path& campaign) {
  make_folders(campaign);
  remove_temporary_files(campaign);
  Recovered found;
  found.journals = list_journals(campaign);
  recover_history(campaign, found);
  verify_history(found);
  recover_journals(campaign, found);
  recover_restart(campaign, found);
  return found;
}

}  // namespace invar::store
