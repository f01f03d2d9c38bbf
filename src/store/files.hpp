#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace invar::store {

/// Ends with what the operating system said: "cannot write DIR/x: No space left on device".
[[noreturn]] void throw_io(const std::string& action, const std::filesystem::path& path,
                           int error_number);

/// An open file of the operating system; closed on exec, so that no child inherits it.
class File {
 public:
  /// @param flags  of open(2); O_CLOEXEC is added
  /// @throws Error(io)
  File(std::filesystem::path path, int flags);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const;
  /// Writes all bytes at the file's position (its end when opened with O_APPEND).
  void write(std::string_view bytes) const;
  void write_at(std::uint64_t offset, std::string_view bytes) const;
  /// Reads up to `count` bytes; fewer at the end of the file.
  [[nodiscard]] std::string read_at(std::uint64_t offset, std::size_t count) const;
  void truncate(std::uint64_t size) const;
  void sync() const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// The whole file.
/// @throws Error(io)
std::string read_file(const std::filesystem::path& path);

/// The whole file, or nothing when there is none of that name.
std::optional<std::string> read_file_if_any(const std::filesystem::path& path);

/// How a file that gets its final name only when complete is called until then.
std::filesystem::path temporary_name(const std::filesystem::path& path);

enum class Sync { yes, no };

/// Writes the pieces one after the other under a temporary name, and renames; with Sync::yes the
/// file and its name survive a power failure once this returns.
/// @throws Error(io)  the temporary file is gone then
void write_file(const std::filesystem::path& path, std::initializer_list<std::string_view> pieces,
                Sync sync = Sync::yes);

/// Gives a file that is complete and synced under its temporary name its own.
void publish(const std::filesystem::path& path);

/// Takes room on the disk for an existing file, which gets that size; what is in it stays.
/// @throws Error(io)  when there is not that much
void reserve(const std::filesystem::path& path, std::int64_t num_bytes);

void sync_directory(const std::filesystem::path& directory);

/// @throws Error(io)  unless the file is gone then
void remove_file(const std::filesystem::path& path);

/// Makes a folder where there is none. @throws Error(io)
void make_directory(const std::filesystem::path& directory);

/// The number N of a file called PREFIX + digits + SUFFIX, or nothing.
std::optional<std::int64_t> number_in_name(const std::string& name, std::string_view prefix,
                                           std::string_view suffix);

/// The numbers of the files called PREFIX + number + SUFFIX in a folder, ascending.
/// @throws Error(io)  when it cannot be listed; a folder that does not exist is empty
std::vector<std::int64_t> list_numbered(const std::filesystem::path& directory,
                                        std::string_view prefix, std::string_view suffix);

/// The names in a folder, sorted.
std::vector<std::string> list_directory(const std::filesystem::path& directory);

/// PREFIX + six digits or more + SUFFIX.
std::string numbered_name(std::string_view prefix, std::int64_t number, std::string_view suffix);

}  // namespace invar::store
