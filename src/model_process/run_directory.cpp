#include "model_process/run_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "invar/isolation/descriptor.hpp"

namespace invar::model_process {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t largest_file = std::uintmax_t{1} << 28U;
constexpr off_t longest_end = 4096;

/// A regular file opened for reading; anything else could block.
isolation::Descriptor open_regular(const fs::path& path, struct stat& facts) {
  isolation::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() >= 0 && (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode))) {
    file.close();
  }
  return file;
}

std::string read_all(int file, off_t from, off_t to) {
  std::string text(static_cast<std::size_t>(to - from), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t size =
        ::pread(file, text.data() + done, text.size() - done, from + static_cast<off_t>(done));
    if (size <= 0 && !(size < 0 && errno == EINTR)) {
      break;
    }
    done += size > 0 ? static_cast<std::size_t>(size) : 0;
  }
  text.resize(done);
  return text;
}

}  // namespace

RunDirectory::RunDirectory(const fs::path& parent, const std::string& id) {
  fs::create_directories(parent);
  path_ = parent / id;
  for (int i = 2; !fs::create_directory(path_); ++i) {
    path_ = parent / (id + "." + std::to_string(i));
  }
}

RunDirectory::~RunDirectory() {
  if (!is_kept_) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
}

void RunDirectory::write(const std::string& name, const std::string& text) const {
  std::ofstream file(path_ / name, std::ios::binary);
  file << text;
  file.close();
  if (!file) {
    throw fs::filesystem_error("cannot write", path_ / name,
                               std::error_code(errno, std::generic_category()));
  }
}

std::optional<std::string> RunDirectory::read(const std::string& name) const {
  struct stat facts {};
  const isolation::Descriptor file = open_regular(path_ / name, facts);
  if (file.get() < 0 || static_cast<std::uintmax_t>(facts.st_size) > largest_file) {
    return std::nullopt;
  }
  return read_all(file.get(), 0, facts.st_size);
}

std::string RunDirectory::read_end(const std::string& name) const {
  struct stat facts {};
  const isolation::Descriptor file = open_regular(path_ / name, facts);
  if (file.get() < 0) {
    return {};
  }
  return read_all(file.get(), std::max<off_t>(0, facts.st_size - longest_end), facts.st_size);
}

}  // namespace invar::model_process
