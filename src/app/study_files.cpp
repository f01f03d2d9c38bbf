#include "app/study_files.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/store/dataset.hpp"

namespace invar::app {
namespace {

/// "data/obs.csv", or "data/obs-2.csv" where another file has that name.
std::string unused_name(const std::filesystem::path& path, const FileCopies& copies) {
  const auto is_used = [&copies](const std::string& name) {
    for (const auto& [unused, copy] : copies) {
      if (copy.stored_name == name) {
        return true;
      }
    }
    return false;
  };
  std::string name = "data/" + path.filename().string();
  for (int i = 2; is_used(name); ++i) {
    name = fmt::format("data/{}-{}{}", path.stem().string(), i, path.extension().string());
  }
  return name;
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream bytes;
  if (stream && stream.peek() != std::ifstream::traits_type::eof()) {
    bytes << stream.rdbuf();
  }
  if (!stream.is_open() || stream.bad() || bytes.bad() || errno == EISDIR) {
    throw Error(ErrorKind::no_input, fmt::format("cannot read `{}`: {}", path.string(),
                                                 std::strerror(errno != 0 ? errno : EIO)));
  }
  return bytes.str();
}

const std::string& SentFiles::bytes(const std::string& path) {
  const auto found = copies_.find(path);
  if (found == copies_.end()) {
    throw Error(ErrorKind::no_input, "there is no copy of `" + path + "`");
  }
  return found->second.bytes;
}

Eigen::MatrixXd SentFiles::dataset(const std::string& path, const std::string& name) {
  const std::string& content = bytes(path);
  try {
    return store::read_dataset(content, name);
  } catch (const Error& error) {
    throw Error(error.kind(), path + ": " + error.what());
  }
}

std::string SentFiles::stored_name(const std::string& path) {
  bytes(path);
  return copies_.at(path).stored_name;
}

const std::string& DiskFiles::bytes(const std::string& path) {
  if (copies_.count(path) == 0) {
    std::string content = read_file(directory_ / path);
    copies_[path] = {.stored_name = unused_name(path, copies_), .bytes = std::move(content)};
  }
  return copies_.at(path).bytes;
}

}  // namespace invar::app
