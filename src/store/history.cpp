#include "store/history.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/hdf5.hpp"
#include "store/sealed_file.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

constexpr const char* kind = "history";

void write_runs(hid_t file, const std::string& table, const RunColumns& columns) {
  h5::write(file, table + "/id", columns.id);
  h5::write(file, table + "/round", columns.round);
  h5::write_samples(file, table + "/parameters", columns.parameters);
  h5::write_samples(file, table + "/qois", columns.qois);
  h5::write(file, table + "/status", columns.status);
  h5::write(file, table + "/message", columns.message);
  h5::write(file, table + "/wall_seconds", columns.wall_seconds);
  h5::write(file, table + "/started", columns.started);
  h5::write(file, table + "/finished", columns.finished);
  h5::write(file, table + "/group", columns.group);
  h5::write(file, table + "/host", columns.host);
}

void write_evaluations(hid_t file, const EvaluationColumns& columns) {
  write_runs(file, "evaluations", columns);
  h5::write(file, "evaluations/sample", columns.sample);
  h5::write(file, "evaluations/attempts", columns.attempts);
  h5::write(file, "evaluations/ran_ahead", columns.ran_ahead);
}

void read_runs(hid_t file, const std::string& table, RunColumns& columns) {
  columns.id = h5::read<std::int64_t>(file, table + "/id");
  columns.round = h5::read<std::int64_t>(file, table + "/round");
  columns.parameters = h5::read_samples(file, table + "/parameters");
  columns.qois = h5::read_samples(file, table + "/qois");
  columns.status = h5::read<std::uint8_t>(file, table + "/status");
  columns.message = h5::read<std::string>(file, table + "/message");
  columns.wall_seconds = h5::read<double>(file, table + "/wall_seconds");
  columns.started = h5::read<double>(file, table + "/started");
  columns.finished = h5::read<double>(file, table + "/finished");
  columns.group = h5::read<std::int32_t>(file, table + "/group");
  columns.host = h5::read<std::string>(file, table + "/host");
}

EvaluationColumns read_evaluations(hid_t file) {
  EvaluationColumns columns;
  read_runs(file, "evaluations", columns);
  columns.sample = h5::read<std::int64_t>(file, "evaluations/sample");
  columns.attempts = h5::read<std::int32_t>(file, "evaluations/attempts");
  columns.ran_ahead.resize(columns.size());  // of an earlier version: none did
  if (h5::exists(file, "evaluations/ran_ahead")) {
    columns.ran_ahead = h5::read<std::uint8_t>(file, "evaluations/ran_ahead");
  }
  return columns;
}

RunColumns read_speculative(hid_t file) {
  RunColumns columns;
  if (h5::exists(file, "speculative")) {
    read_runs(file, "speculative", columns);
  }
  return columns;
}

void write_rounds(hid_t file, const RoundColumns& columns) {
  h5::write(file, "rounds/round", columns.round);
  h5::write(file, "rounds/first_id", columns.first_id);
  h5::write(file, "rounds/num_samples", columns.num_samples);
  h5::write_samples(file, "rounds/mean", columns.mean);
  h5::write_samples(file, "rounds/std", columns.std);
  h5::write_samples(file, "rounds/proposal_mean", columns.proposal_mean);
  h5::write_samples(file, "rounds/proposal_std", columns.proposal_std);
  h5::write(file, "rounds/messages", columns.messages);
  h5::write(file, "rounds/seconds", columns.seconds);
  for (const auto& [name, column] : columns.scalars) {
    h5::write(file, "rounds/" + name, column);
  }
}

RoundColumns read_rounds(hid_t file) {
  RoundColumns columns;
  columns.round = h5::read<std::int64_t>(file, "rounds/round");
  columns.first_id = h5::read<std::int64_t>(file, "rounds/first_id");
  columns.num_samples = h5::read<std::int64_t>(file, "rounds/num_samples");
  columns.mean = h5::read_samples(file, "rounds/mean");
  columns.std = h5::read_samples(file, "rounds/std");
  columns.proposal_mean = h5::read_samples(file, "rounds/proposal_mean");
  columns.proposal_std = h5::read_samples(file, "rounds/proposal_std");
  columns.messages = h5::read<std::string>(file, "rounds/messages");
  columns.seconds = h5::read<double>(file, "rounds/seconds");
  for (const std::string& name : h5::names_in(file, "rounds")) {
    if (!is_reserved_round_column(name)) {
      columns.scalars[name] = h5::read<double>(file, "rounds/" + name);
    }
  }
  return columns;
}

bool has_rows(const RunColumns& columns, std::int64_t num_rows) {
  const auto n = static_cast<std::size_t>(num_rows);
  return columns.id.size() == n && columns.round.size() == n && columns.status.size() == n &&
         columns.message.size() == n && columns.wall_seconds.size() == n &&
         columns.started.size() == n && columns.finished.size() == n && columns.group.size() == n &&
         columns.host.size() == n && columns.parameters.cols() == num_rows &&
         columns.qois.cols() == num_rows;
}

/// Tables of one file have one length each; a file of another version may break that.
void check_shapes(const Segment& segment, const HistoryEntry& entry) {
  const EvaluationColumns& e = segment.evaluations;
  const auto n = static_cast<std::size_t>(entry.num_evaluations);
  bool is_sound = has_rows(e, entry.num_evaluations) && e.sample.size() == n &&
                  e.attempts.size() == n && e.ran_ahead.size() == n &&
                  has_rows(segment.speculative, entry.num_speculative);
  const RoundColumns& r = segment.rounds;
  const std::int64_t num_rounds = entry.end_round - entry.first_round;
  const auto k = static_cast<std::size_t>(num_rounds);
  is_sound = is_sound && r.round.size() == k && r.first_id.size() == k &&
             r.num_samples.size() == k && r.messages.size() == k && r.seconds.size() == k &&
             r.mean.cols() == num_rounds && r.std.cols() == num_rounds &&
             r.proposal_mean.cols() == num_rounds && r.proposal_std.cols() == num_rounds;
  for (const auto& scalar : r.scalars) {
    is_sound = is_sound && scalar.second.size() == k;
  }
  if (!is_sound) {
    throw Error(ErrorKind::data, "its tables have other lengths than its user block says");
  }
}

}  // namespace

fs::path history_path(const fs::path& campaign, std::int64_t number) {
  return campaign / "history" / numbered_name("segment-", number, ".h5");
}

HistoryEntry write_history(const fs::path& campaign, std::int64_t number, const Segment& segment,
                           std::int64_t speculative_end) {
  const h5::Handle file = h5::create_in_memory();
  h5::write_attribute(file.get(), "format_version", format_version);
  write_evaluations(file.get(), segment.evaluations);
  write_rounds(file.get(), segment.rounds);
  if (segment.speculative.size() > 0) {
    write_runs(file.get(), "speculative", segment.speculative);
  }
  const DerivativeCounts derivatives = counts_of(segment.derivatives);
  write_derivatives(file.get(), segment.derivatives, {}, derivatives);
  const auto& status = segment.evaluations.status;
  HistoryEntry entry{
      .path = history_path(campaign, number),
      .number = number,
      .first_round = segment.rounds.round.front(),
      .end_round = segment.rounds.round.back() + 1,
      .num_evaluations = static_cast<std::int64_t>(segment.evaluations.size()),
      .num_failed = std::count_if(
          status.begin(), status.end(),
          [](std::uint8_t one) { return is_failure(static_cast<method::Status>(one)); }),
      .num_ran_ahead = std::count(segment.evaluations.ran_ahead.begin(),
                                  segment.evaluations.ran_ahead.end(), std::uint8_t{1}),
      .num_speculative = std::ssize(segment.speculative.id),
      .speculative_end = speculative_end,
      .derivatives = derivatives};
  write_sealed_file(entry.path, kind,
                    {{"first_round", entry.first_round},
                     {"end_round", entry.end_round},
                     {"evaluations", entry.num_evaluations},
                     {"failed", entry.num_failed},
                     {"ran_ahead", entry.num_ran_ahead},
                     {"speculative", entry.num_speculative},
                     {"speculative_end", entry.speculative_end},
                     {"jacobians", derivatives.jacobians},
                     {"jacobian_vectors", derivatives.jacobian_vectors},
                     {"vector_jacobians", derivatives.vector_jacobians}},
                    h5::image(file));
  return entry;
}

std::vector<std::int64_t> list_history(const fs::path& campaign) {
  return list_numbered(campaign / "history", "segment-", ".h5");
}

HistoryEntry read_history_entry(const fs::path& campaign, std::int64_t number) {
  const fs::path path = history_path(campaign, number);
  const Seal seal = read_seal(path, kind);
  return {.path = path,
          .number = number,
          .first_round = seal.count("first_round"),
          .end_round = seal.count("end_round"),
          .num_evaluations = seal.count("evaluations"),
          .num_failed = seal.count("failed"),
          .num_ran_ahead = seal.count_or_none("ran_ahead"),
          .num_speculative = seal.count_or_none("speculative"),
          .speculative_end = seal.count_or_none("speculative_end"),
          .derivatives = {.jacobians = seal.count_or_none("jacobians"),
                          .jacobian_vectors = seal.count_or_none("jacobian_vectors"),
                          .vector_jacobians = seal.count_or_none("vector_jacobians")}};
}

void verify_history_file(const HistoryEntry& entry) {
  try {
    verify_sealed_file(entry.path, kind);
  } catch (const Error& error) {
    throw Error(error.kind(),
                fmt::format("{}; put it back from a copy, or have its rounds and all later ones "
                            "computed again: move away this file and those of later numbers in "
                            "history/, those in journal/, and those in restart/ after round {} "
                            "(not where prior, data or noise were changed after it)",
                            error.what(), entry.first_round));
  }
}

Segment read_history(const HistoryEntry& entry) {
  verify_history_file(entry);
  try {
    const h5::Handle file = h5::open_on_disk(entry.path);
    Segment segment{.evaluations = read_evaluations(file.get()),
                    .rounds = read_rounds(file.get()),
                    .derivatives = read_derivatives(file.get()),
                    .speculative = read_speculative(file.get())};
    check_shapes(segment, entry);
    return segment;
  } catch (const Error& error) {
    throw Error(ErrorKind::data, fmt::format("{}: {}", entry.path.string(), error.what()));
  }
}

std::vector<StoredRound> read_history_rounds(const HistoryEntry& entry) {
  const Segment segment = read_history(entry);
  try {
    return split(segment);
  } catch (const Error& error) {
    throw Error(ErrorKind::data, fmt::format("{}: {}", entry.path.string(), error.what()));
  }
}

}  // namespace invar::store
