#include "invar/store/create_campaign.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/crc.hpp"
#include "store/files.hpp"
#include "store/layout.hpp"
#include "store/seal.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

void refuse_if_taken(const fs::path& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (!fs::exists(status)) {
    return;
  }
  if (!fs::is_directory(status)) {
    throw Error(ErrorKind::config,
                fmt::format("{} is a file; a campaign needs a directory of its own: choose another "
                            "with --campaign",
                            directory.string()));
  }
  if (is_campaign(directory)) {
    throw Error(ErrorKind::config,
                fmt::format("{} already holds a campaign: continue it with `invar resume {}`, or "
                            "choose another directory with --campaign",
                            directory.string(), directory.string()));
  }
  if (!list_directory(directory).empty()) {
    throw Error(ErrorKind::config,
                fmt::format("{} is not empty and not a campaign: choose another directory with "
                            "--campaign",
                            directory.string()));
  }
}

/// An empty folder beside the target, whose name nobody else uses.
fs::path make_temporary_directory(const fs::path& target) {
  for (int attempt = 0;; ++attempt) {
    fs::path path = fmt::format("{}.new-{}-{}", target.string(), ::getpid(), attempt);
    if (::mkdir(path.c_str(), 0777) == 0) {
      return path;
    }
    if (errno != EEXIST) {
      throw_io("make the campaign", target, errno);
    }
  }
}

}  // namespace

void create_campaign(const fs::path& directory, const Manifest& manifest) {
  refuse_if_taken(directory);
  // "DIR/" names DIR.
  const fs::path target = directory.has_filename() ? directory : directory.parent_path();
  std::error_code error;
  fs::create_directories(fs::absolute(target).parent_path(), error);
  if (error) {
    throw_io("make the folder above", target, error.value());
  }
  const fs::path temporary = make_temporary_directory(target);
  try {
    make_folders(temporary);
    write_data_files(temporary, manifest.data_files);
    write_file(temporary / "study.yaml", {sealed_text(manifest)});
    if (std::rename(temporary.c_str(), target.c_str()) != 0) {
      throw_io("make the campaign", target, errno);
    }
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
  sync_directory(fs::absolute(target).parent_path());
}

std::string checksum_of_file(const fs::path& path) {
  Crc32c crc;
  crc.add(read_file(path));
  return fmt::format("{:08x}", crc.value());
}

Manifest read_manifest(const fs::path& directory) {
  require_campaign(directory);
  return read_sealed_manifest(directory);
}

}  // namespace invar::store
