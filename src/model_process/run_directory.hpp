#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace invar::model_process {

/// The directory of one run: new, and removed at the end unless it is kept.
///
/// MPI: Local.
class RunDirectory {
 public:
  /// Makes `parent`/ID, or ID.2, ID.3 and so on where somebody was there before.
  /// @throws std::filesystem::filesystem_error
  RunDirectory(const std::filesystem::path& parent, const std::string& id);
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;
  RunDirectory(RunDirectory&&) = delete;
  RunDirectory& operator=(RunDirectory&&) = delete;
  ~RunDirectory();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void keep() { is_kept_ = true; }

  /// @throws std::filesystem::filesystem_error
  void write(const std::string& name, const std::string& text) const;

  /// A file that should be there, if it is one and not too large to be sensible.
  [[nodiscard]] std::optional<std::string> read(const std::string& name) const;

  /// The end of a file, "" where there is none.
  [[nodiscard]] std::string read_end(const std::string& name) const;

 private:
  std::filesystem::path path_;
  bool is_kept_ = false;
};

}  // namespace invar::model_process
