#include "invar/store/record.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/history.hpp"
#include "store/journal.hpp"
#include "store/layout.hpp"
#include "store/segment.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

/// Evaluations of one origin, and what to call it in a note.
struct Part {
  std::string origin;
  EvaluationColumns columns;
  RoundColumns rounds;
  DerivativeTables derivatives;
};

/// Rounds of which the evaluations were read: first round to one after the last.
using Intervals = std::map<std::int64_t, std::int64_t>;

bool contains(const Intervals& intervals, std::int64_t round) {
  const auto after = intervals.upper_bound(round);
  return after != intervals.begin() && round < std::prev(after)->second;
}

/// The sound files of history, and which rounds they have.
std::vector<Part> read_all_history(const fs::path& campaign, Intervals& found,
                                   std::vector<std::string>& notes) {
  std::vector<Part> parts;
  for (const std::int64_t number : list_history(campaign)) {
    try {
      const HistoryEntry entry = read_history_entry(campaign, number);
      Segment segment = read_history(entry);
      parts.push_back({entry.path.string(), std::move(segment.evaluations),
                       std::move(segment.rounds), std::move(segment.derivatives)});
      found[entry.first_round] = entry.end_round;
    } catch (const Error& error) {
      notes.emplace_back(error.what());
    }
  }
  return parts;
}

/// The round that the journals begin with; 0 where there is none.
std::int64_t first_round_of(const std::map<fs::path, std::string>& journals) {
  std::optional<std::int64_t> first;
  for (const auto& [path, bytes] : journals) {
    if (const auto round = first_round_of_journal(bytes)) {
      first = std::min(*round, first.value_or(*round));
    }
  }
  return first.value_or(0);
}

/// What the journals have and history has not. They are read from their own first round on, so that
/// they are of use also where the history before them is lost.
Part sort_journals(const std::map<fs::path, std::string>& journals, Intervals& found,
                   std::vector<std::string>& notes) {
  const std::int64_t first_round = first_round_of(journals);
  std::vector<StoredRound> rounds;
  SpeculativeRuns never_asked;
  for (const auto& [path, bytes] : journals) {
    try {
      const JournalEnd end = parse_journal(path, bytes, first_round, rounds, never_asked);
      if (end.sound_bytes < end.file_bytes) {
        notes.push_back(fmt::format("{}: {} bytes of a torn or damaged tail are not read",
                                    path.string(), end.file_bytes - end.sound_bytes));
      }
    } catch (const Error& error) {
      notes.emplace_back(error.what());
    }
  }
  std::erase_if(rounds, [&](const StoredRound& round) { return contains(found, round.round()); });
  for (const StoredRound& round : rounds) {
    found[round.round()] = round.round() + 1;
  }
  Segment segment = gather(rounds);
  return {"the journal", std::move(segment.evaluations), std::move(segment.rounds),
          std::move(segment.derivatives)};
}

void note_gaps(const Intervals& found, std::vector<std::string>& notes) {
  std::int64_t expected = 0;
  for (const auto& [first, end] : found) {
    if (first > expected) {
      notes.push_back(fmt::format("rounds {} to {} are in none of the files that could be read",
                                  expected, first - 1));
    }
    expected = std::max(expected, end);
  }
}

template <class T>
void append(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

void append(std::map<std::int64_t, Proposal>& proposals, const RoundColumns& rounds) {
  for (std::size_t i = 0; rounds.proposal_mean.rows() > 0 && i < rounds.size(); ++i) {
    const auto column = static_cast<Eigen::Index>(i);
    proposals[rounds.round[i]] = {.mean = rounds.proposal_mean.col(column),
                                  .std = rounds.proposal_std.col(column)};
  }
}

void append(RecordedEvaluations& all, const EvaluationColumns& more) {
  const auto at = static_cast<Eigen::Index>(all.size());
  all.points.middleCols(at, more.parameters.cols()) = more.parameters;
  if (more.qois.rows() > 0) {
    all.qois.middleCols(at, more.qois.cols()) = more.qois;
  }
  append(all.ids, more.id);
  append(all.rounds, more.round);
  append(all.samples, more.sample);
  for (const std::uint8_t status : more.status) {
    all.statuses.push_back(static_cast<Status>(status));
  }
  append(all.messages, more.message);
  append(all.hosts, more.host);
  append(all.wall_seconds, more.wall_seconds);
  append(all.started, more.started);
  append(all.finished, more.finished);
  append(all.groups, more.group);
  append(all.attempts, more.attempts);
}

/// The rows that all parts have, or 0; a part that has others is left out.
Eigen::Index common_rows(std::vector<Part>& parts, Eigen::MatrixXd EvaluationColumns::*matrix,
                         const char* what, std::vector<std::string>& notes) {
  Eigen::Index rows = 0;
  std::erase_if(parts, [&](const Part& part) {
    const Eigen::Index has = (part.columns.*matrix).rows();
    rows = rows == 0 ? has : rows;
    if (has == 0 || has == rows) {
      return false;
    }
    notes.push_back(fmt::format("{} has {} {}, where the others have {}; it is left out",
                                part.origin, has, what, rows));
    return true;
  });
  return rows;
}

}  // namespace

RecordedEvaluations read_evaluations(const fs::path& directory) {
  require_campaign(directory);
  RecordedEvaluations all;
  // Journals before history, so that a round that moves on meanwhile is not missed.
  const std::map<fs::path, std::string> journals = read_all_journals(directory);
  Intervals found;
  std::vector<Part> parts = read_all_history(directory, found, all.notes);
  parts.push_back(sort_journals(journals, found, all.notes));
  note_gaps(found, all.notes);
  std::erase_if(parts, [](const Part& part) { return part.columns.size() == 0; });
  const auto first_id = [](const Part& part) { return part.columns.id.front(); };
  std::ranges::sort(parts, {}, first_id);

  const Eigen::Index dimension =
      common_rows(parts, &EvaluationColumns::parameters, "parameters", all.notes);
  const Eigen::Index num_qois = common_rows(parts, &EvaluationColumns::qois, "QoIs", all.notes);
  Eigen::Index count = 0;
  for (const Part& part : parts) {
    count += part.columns.parameters.cols();
  }
  all.points.resize(dimension, count);
  all.qois.setConstant(num_qois, count, std::numeric_limits<double>::quiet_NaN());
  for (const Part& part : parts) {
    append(all, part.columns);
    append(all.proposals, part.rounds);
    all.derivatives.append(part.derivatives);
  }
  return all;
}

}  // namespace invar::store
