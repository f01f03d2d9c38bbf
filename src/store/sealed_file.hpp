#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "store/files.hpp"

namespace invar::store {

/// The user block of 512 bytes before every HDF5 file of ours: readable text with what kind of file
/// it is, the length and CRC-32C of the rest, a few counts, and a CRC-32C of the block itself.
///
/// A damaged HDF5 file can crash libhdf5; what this block vouches for is opened, nothing else.
struct Seal {
  static constexpr std::size_t num_bytes = 512;

  std::string kind;  // "history", "restart", "view"
  std::uint64_t body_bytes = 0;
  std::uint32_t body_crc = 0;
  std::map<std::string, std::int64_t> counts;

  /// The count called `name`.
  /// @throws Error(data)  when it is missing
  [[nodiscard]] std::int64_t count(const std::string& name) const;
  /// The same, 0 when it is missing: of what earlier versions did not count.
  [[nodiscard]] std::int64_t count_or_none(const std::string& name) const;
};

/// The user block of a seal, 512 bytes.
std::string seal_block(const Seal& seal);

/// Reads the user block of a file and compares the file's length with it; the body is not read.
/// @throws Error(data)  when the file is foreign, of another kind, damaged or cut short
/// @throws Error(io)
Seal read_seal(const std::filesystem::path& path, const std::string& kind);

/// `read_seal`, then reads the body and compares its checksum.
/// @throws Error(data), Error(io)
Seal verify_sealed_file(const std::filesystem::path& path, const std::string& kind);

/// Writes an HDF5 image (without its user block) as a sealed file, durably.
void write_sealed_file(const std::filesystem::path& path, std::string kind,
                       std::map<std::string, std::int64_t> counts, std::string_view image);

/// The same as bytes: what `write_sealed_file` writes.
std::string sealed_bytes(std::string kind, std::map<std::string, std::int64_t> counts,
                         std::string_view image);

/// The HDF5 image in the bytes of a sealed file.
/// @param path  what to call it in a message
/// @throws Error(data)  as `verify_sealed_file`
std::string_view verified_image(std::string_view bytes, const std::filesystem::path& path,
                                const std::string& kind);

/// Fills in the user block of an HDF5 file written with room for it.
void seal_in_place(const File& file, std::string kind, std::map<std::string, std::int64_t> counts);

}  // namespace invar::store
