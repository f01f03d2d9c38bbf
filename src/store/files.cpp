#include "store/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::store {
namespace fs = std::filesystem;

void throw_io(const std::string& action, const fs::path& path, int error_number) {
  throw Error(ErrorKind::io,
              fmt::format("cannot {} {}: {}", action, path.string(), std::strerror(error_number)));
}

File::File(fs::path path, int flags) : path_(std::move(path)) {
  do {
    descriptor_ = ::open(path_.c_str(), flags | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) {
    throw_io((flags & O_CREAT) != 0 ? "create" : "open", path_, errno);
  }
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

std::uint64_t File::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) {
    throw_io("look at", path_, errno);
  }
  return static_cast<std::uint64_t>(status.st_size);
}

void File::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      throw_io("write", path_, errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
}

void File::write_at(std::uint64_t offset, std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno != EINTR) {
      throw_io("write", path_, errno);
    }
    const auto count = static_cast<std::size_t>(std::max<ssize_t>(written, 0));
    bytes.remove_prefix(count);
    offset += count;
  }
}

std::string File::read_at(std::uint64_t offset, std::size_t count) const {
  std::string bytes(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + have, count - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno != EINTR) {
      throw_io("read", path_, errno);
    }
    if (got == 0) {
      break;
    }
    have += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
  bytes.resize(have);
  return bytes;
}

void File::truncate(std::uint64_t size) const {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
    throw_io("truncate", path_, errno);
  }
}

void File::sync() const {
  int result = 0;
  do {
    result = ::fsync(descriptor_);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    throw_io("sync", path_, errno);
  }
}

std::string read_file(const fs::path& path) {
  const File file(path, O_RDONLY);
  return file.read_at(0, static_cast<std::size_t>(file.size()));
}

std::optional<std::string> read_file_if_any(const fs::path& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    return std::nullopt;
  }
  try {
    return read_file(path);
  } catch (const Error&) {
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
      return std::nullopt;  // it went meanwhile
    }
    throw;
  }
}

fs::path temporary_name(const fs::path& path) {
  return path.string() + ".tmp";
}

void write_file(const fs::path& path, std::initializer_list<std::string_view> pieces, Sync sync) {
  const fs::path temporary = temporary_name(path);
  try {
    const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    for (const std::string_view piece : pieces) {
      file.write(piece);
    }
    if (sync == Sync::yes) {
      file.sync();
    }
    if (std::rename(temporary.c_str(), path.c_str()) != 0) {
      throw_io("rename to", path, errno);
    }
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (sync == Sync::yes) {
    sync_directory(path.parent_path());
  }
}

void publish(const fs::path& path) {
  if (std::rename(temporary_name(path).c_str(), path.c_str()) != 0) {
    throw_io("rename to", path, errno);
  }
  sync_directory(path.parent_path());
}

void reserve(const fs::path& path, std::int64_t num_bytes) {
  const File file(path, O_WRONLY);
  if (::fallocate(file.get(), 0, 0, num_bytes) == 0) {
    return;
  }
  if (errno != EOPNOTSUPP) {
    throw_io("write", path, errno);
  }
  // A file system without this way: its blocks are written, and what it finds out late is met now.
  const std::string zeros(std::size_t{1} << 20, '\0');
  for (std::uint64_t offset = file.size(), end = static_cast<std::uint64_t>(num_bytes);
       offset < end; offset += zeros.size()) {
    file.write_at(offset, std::string_view(zeros).substr(0, end - offset));
  }
  file.sync();
}

void sync_directory(const fs::path& directory) {
  File(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY).sync();
}

void remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw_io("remove", path, errno);
  }
}

void make_directory(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
    throw_io("make the folder", directory, errno);
  }
}

std::optional<std::int64_t> number_in_name(const std::string& name, std::string_view prefix,
                                           std::string_view suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix) ||
      name.size() <= prefix.size() + suffix.size()) {
    return std::nullopt;
  }
  const std::string digits =
      name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  const bool is_number =
      digits.size() <= 18 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  return is_number ? std::optional<std::int64_t>(std::stoll(digits)) : std::nullopt;
}

std::vector<std::int64_t> list_numbered(const fs::path& directory, std::string_view prefix,
                                        std::string_view suffix) {
  std::vector<std::int64_t> numbers;
  for (const std::string& name : list_directory(directory)) {
    const auto number = number_in_name(name, prefix, suffix);
    if (number && name == numbered_name(prefix, *number, suffix)) {
      numbers.push_back(*number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<std::string> list_directory(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw_io("list", directory, error.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string numbered_name(std::string_view prefix, std::int64_t number, std::string_view suffix) {
  return fmt::format("{}{:06}{}", prefix, number, suffix);
}

}  // namespace invar::store
