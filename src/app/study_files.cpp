#include "app/study_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/store/create_campaign.hpp"
#include "invar/store/dataset.hpp"

namespace invar::app {
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

options::FileInPlace SentFiles::in_place(const std::string& path, bool /*wants_checksum*/) {
  const auto found = in_place_.find(path);
  if (found == in_place_.end()) {
    throw Error(ErrorKind::no_input, "nothing was sent about `" + path + "`");
  }
  return found->second;
}

options::FileInPlace DiskFiles::in_place(const std::string& path, bool wants_checksum) {
  options::FileInPlace& file = in_place_[path];
  std::error_code ignored;
  if (file.path.empty()) {
    const std::filesystem::path whole = std::filesystem::absolute(directory_ / path);
    file.path = whole.lexically_normal().string();
    file.is_there = !path.empty() && (whole == path || std::filesystem::exists(whole, ignored));
    file.is_folder = std::filesystem::is_directory(whole, ignored);
  }
  if (wants_checksum && file.checksum.empty() &&
      std::filesystem::is_regular_file(file.path, ignored)) {
    try {
      file.checksum = store::checksum_of_file(file.path);
    } catch (const Error&) {
      file.checksum.clear();  // cannot be read
    }
  }
  return file;
}

const std::string& DiskFiles::bytes(const std::string& path) {
  if (copies_.count(path) == 0) {
    std::string content = read_file(directory_ / path);
    std::string name = free_name(path, content);
    copies_[path] = {.stored_name = std::move(name), .bytes = std::move(content)};
  }
  return copies_.at(path).bytes;
}

/// "data/obs.csv", or "data/obs-2.csv" where another file has that name.
std::string DiskFiles::free_name(const std::filesystem::path& path,
                                 const std::string& content) const {
  const auto is_free = [&](const std::string& name) {
    const auto found = stored_.find(name);
    return (found == stored_.end() || found->second == content) &&
           std::none_of(copies_.begin(), copies_.end(),
                        [&](const auto& entry) { return entry.second.stored_name == name; });
  };
  const auto numbered = [&path](int i) {
    return i == 1 ? "data/" + path.filename().string()
                  : fmt::format("data/{}-{}{}", path.stem().string(), i, path.extension().string());
  };
  // The name that these bytes have already, else the first that is free.
  const std::string stem = "data/" + path.stem().string();
  for (const auto& [name, bytes] : stored_) {
    if (bytes == content && name.starts_with(stem) && is_free(name)) {
      return name;
    }
  }
  int i = 1;
  while (!is_free(numbered(i))) {
    ++i;
  }
  return numbered(i);
}

}  // namespace invar::app
