#include "store/layout.hpp"

#include <optional>

#include <unistd.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/files.hpp"
#include "store/history.hpp"
#include "store/journal.hpp"
#include "store/restart_file.hpp"

namespace invar::store {
namespace fs = std::filesystem;

bool is_campaign(const fs::path& directory) {
  std::error_code ignored;
  return fs::is_regular_file(directory / "study.yaml", ignored) &&
         fs::is_directory(directory / "journal", ignored);
}

void require_campaign(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory, ignored)) {
    throw Error(ErrorKind::no_input, fmt::format("there is no {}", directory.string()));
  }
  if (!is_campaign(directory)) {
    throw Error(ErrorKind::no_input,
                fmt::format("{} is not a campaign: it has no study.yaml with a journal/ beside it",
                            directory.string()));
  }
}

void make_folders(const fs::path& campaign) {
  for (const char* folder : {"journal", "history", "restart", "failed", "data"}) {
    make_directory(campaign / folder);
  }
}

void write_data_files(const fs::path& campaign, const std::map<std::string, std::string>& files) {
  for (const auto& [name, bytes] : files) {
    const fs::path path = fs::path(name).lexically_normal();
    INVAR_EXPECTS(path == fs::path(name) && *path.begin() == "data" && path.has_parent_path() &&
                  path.has_filename());
    std::error_code error;
    fs::create_directories(campaign / path.parent_path(), error);
    if (error) {
      throw_io("make the folder", campaign / path.parent_path(), error.value());
    }
    if (read_file_if_any(campaign / path) != bytes) {
      write_file(campaign / path, {bytes});
    }
  }
}

void remove_temporary_files(const fs::path& campaign) {
  const auto remove = [](const fs::path& path) { ::unlink(temporary_name(path).c_str()); };
  for (const char* name : {"study.yaml", "campaign.h5", "status.json"}) {
    remove(campaign / name);
  }
  for (const std::int64_t n : list_numbered(campaign / "journal", "segment-", ".log.tmp")) {
    remove(journal_path(campaign, n));
  }
  for (const std::int64_t n : list_numbered(campaign / "history", "segment-", ".h5.tmp")) {
    remove(history_path(campaign, n));
  }
  for (const std::int64_t n : list_numbered(campaign / "restart", "round-", ".h5.tmp")) {
    remove(restart_path(campaign, n));
  }
}

}  // namespace invar::store
