#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "invar/options/reader.hpp"

namespace invar::app {

/// A file that a study names, as the campaign keeps it.
struct FileCopy {
  std::string stored_name;  // "data/obs.csv"
  std::string bytes;
};

/// By the path that the study writes.
using FileCopies = std::map<std::string, FileCopy>;

/// Files that stay where they are, by the path that the study writes.
using FilesInPlace = std::map<std::string, options::FileInPlace>;

/// The bytes of files that a campaign holds already, by their stored names.
using StoredFiles = std::map<std::string, std::string>;

/// Answers from copies that were read before: on the ranks that do not read the disk.
///
/// MPI: Local.
class SentFiles : public options::Files {
 public:
  explicit SentFiles(FileCopies copies, FilesInPlace in_place = {})
      : copies_(std::move(copies)), in_place_(std::move(in_place)) {}

  /// @throws Error(no_input)  when there is no copy
  const std::string& bytes(const std::string& path) override;
  Eigen::MatrixXd dataset(const std::string& path, const std::string& name) override;
  std::string stored_name(const std::string& path) override;
  /// @throws Error(no_input)  when nothing was sent
  options::FileInPlace in_place(const std::string& path, bool wants_checksum) override;

  /// Everything asked for so far.
  [[nodiscard]] const FileCopies& copies() const { return copies_; }
  [[nodiscard]] const FilesInPlace& files_in_place() const { return in_place_; }

 protected:
  FileCopies copies_;
  FilesInPlace in_place_;
};

/// Reads the disk, once per file, and keeps what it read for the other ranks and the campaign.
///
/// MPI: Manager only.
class DiskFiles final : public SentFiles {
 public:
  /// @param directory  that paths are relative to: the study file's
  /// @param stored     files with other content are not stored under these names
  explicit DiskFiles(std::filesystem::path directory, StoredFiles stored = {})
      : SentFiles({}), directory_(std::move(directory)), stored_(std::move(stored)) {}

  /// @throws Error(no_input)  when the file cannot be read
  const std::string& bytes(const std::string& path) override;
  options::FileInPlace in_place(const std::string& path, bool wants_checksum) override;

 private:
  [[nodiscard]] std::string free_name(const std::filesystem::path& path,
                                      const std::string& content) const;

  std::filesystem::path directory_;
  StoredFiles stored_;
};

/// All bytes of a file.
/// @throws Error(no_input)  when it cannot be read
std::string read_file(const std::filesystem::path& path);

}  // namespace invar::app
