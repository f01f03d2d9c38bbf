#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "invar/isolation/descriptor.hpp"

namespace invar::doctor {

/// What a process that examines a model tells the one that watches it: events in a file, each whole
/// or not there, so that nothing is lost when the process dies.
///
/// MPI: Local.
class TranscriptWriter {
 public:
  /// @throws Error(io)
  explicit TranscriptWriter(const std::filesystem::path& path);

  /// @throws Error(io)
  void add(const nlohmann::json& event) const;

 private:
  isolation::Descriptor file_;
};

/// Reads the events as they come.
///
/// MPI: Local.
class TranscriptReader {
 public:
  explicit TranscriptReader(std::filesystem::path path) : path_(std::move(path)) {}

  /// The next event; none when there is no whole one yet.
  std::optional<nlohmann::json> next();

 private:
  std::filesystem::path path_;
  isolation::Descriptor file_;
  std::string bytes_;  // read and not used
  std::size_t begin_ = 0;
};

}  // namespace invar::doctor
