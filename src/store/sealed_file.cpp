#include "store/sealed_file.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <utility>

#include <fcntl.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/crc.hpp"

namespace invar::store {
namespace {

constexpr std::string_view magic = "invar campaign file 1\n";
constexpr std::size_t own_crc_at = Seal::num_bytes - 8;  // eight hexadecimal digits end the block

std::uint32_t body_crc(const File& file) {
  constexpr std::size_t piece = std::size_t{1} << 20;
  Crc32c crc;
  std::uint64_t offset = Seal::num_bytes;
  while (true) {
    const std::string bytes = file.read_at(offset, piece);
    crc.add(bytes);
    offset += bytes.size();
    if (bytes.size() < piece) {
      return crc.value();
    }
  }
}

std::string own_crc(std::string_view block) {
  Crc32c crc;
  crc.add(block.substr(0, own_crc_at));
  return fmt::format("{:08x}", crc.value());
}

/// All of a text as a number that is not negative.
template <class T>
bool read_number(const std::string& text, T& value, int base = 10) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  return error == std::errc() && stop == end && value >= 0;
}

std::optional<Seal> parse_block(const std::string& block) {
  if (block.size() != Seal::num_bytes || !block.starts_with(magic) ||
      block.substr(own_crc_at) != own_crc(block)) {
    return std::nullopt;
  }
  Seal seal;
  std::istringstream lines(block.substr(magic.size(), block.find('\0') - magic.size()));
  std::string name;
  std::string value;
  while (lines >> name >> value) {
    bool is_sound = true;
    if (name == "kind") {
      seal.kind = value;
    } else if (name == "bytes") {
      is_sound = read_number(value, seal.body_bytes);
    } else if (name == "crc32c") {
      is_sound = read_number(value, seal.body_crc, 16);
    } else {
      is_sound = read_number(value, seal.counts[name]);
    }
    if (!is_sound) {
      return std::nullopt;
    }
  }
  return seal;
}

/// @param num_bytes  of the whole file
Seal read_seal(const std::string& block, std::uint64_t num_bytes, const std::string& path,
               const std::string& kind) {
  const std::optional<Seal> seal = parse_block(block);
  if (!seal) {
    throw Error(
        ErrorKind::data,
        block.starts_with(magic)
            ? fmt::format("{} is damaged: its first 512 bytes are not as they were written", path)
            : fmt::format("{} is not a {} file of invar, or its beginning is damaged", path, kind));
  }
  if (seal->kind != kind) {
    throw Error(ErrorKind::data, fmt::format("{} is a {} file, where a {} file is expected", path,
                                             seal->kind, kind));
  }
  if (num_bytes != Seal::num_bytes + seal->body_bytes) {
    throw Error(ErrorKind::data, fmt::format("{} is damaged: it has {} bytes instead of {}", path,
                                             num_bytes, Seal::num_bytes + seal->body_bytes));
  }
  return *seal;
}

Seal read_seal(const File& file, const std::string& kind) {
  return read_seal(file.read_at(0, Seal::num_bytes), file.size(), file.path().string(), kind);
}

[[noreturn]] void throw_wrong_checksum(const std::filesystem::path& path) {
  throw Error(ErrorKind::data, fmt::format("{} is damaged: its checksum is wrong", path.string()));
}

}  // namespace

std::int64_t Seal::count(const std::string& name) const {
  const auto found = counts.find(name);
  if (found == counts.end()) {
    throw Error(ErrorKind::data, fmt::format("the user block of a {} file does not say `{}`; it "
                                             "was written by another version of invar",
                                             kind, name));
  }
  return found->second;
}

std::int64_t Seal::count_or_none(const std::string& name) const {
  return counts.contains(name) ? count(name) : 0;
}

std::string seal_block(const Seal& seal) {
  std::string block = fmt::format("{}kind {}\nbytes {}\ncrc32c {:08x}\n", magic, seal.kind,
                                  seal.body_bytes, seal.body_crc);
  for (const auto& [name, value] : seal.counts) {
    block += fmt::format("{} {}\n", name, value);
  }
  INVAR_EXPECTS(block.size() < own_crc_at);
  block.resize(own_crc_at, '\0');
  return block + own_crc(block);
}

Seal read_seal(const std::filesystem::path& path, const std::string& kind) {
  return read_seal(File(path, O_RDONLY), kind);
}

Seal verify_sealed_file(const std::filesystem::path& path, const std::string& kind) {
  const File file(path, O_RDONLY);
  Seal seal = read_seal(file, kind);
  if (body_crc(file) != seal.body_crc) {
    throw_wrong_checksum(path);
  }
  return seal;
}

std::string_view verified_image(std::string_view bytes, const std::filesystem::path& path,
                                const std::string& kind) {
  const Seal seal =
      read_seal(std::string(bytes.substr(0, Seal::num_bytes)), bytes.size(), path.string(), kind);
  const std::string_view image = bytes.substr(Seal::num_bytes);
  Crc32c crc;
  crc.add(image);
  if (crc.value() != seal.body_crc) {
    throw_wrong_checksum(path);
  }
  return image;
}

std::string sealed_bytes(std::string kind, std::map<std::string, std::int64_t> counts,
                         std::string_view image) {
  Crc32c crc;
  crc.add(image);
  std::string bytes = seal_block({.kind = std::move(kind),
                                  .body_bytes = image.size(),
                                  .body_crc = crc.value(),
                                  .counts = std::move(counts)});
  return bytes.append(image);
}

void write_sealed_file(const std::filesystem::path& path, std::string kind,
                       std::map<std::string, std::int64_t> counts, std::string_view image) {
  Crc32c crc;
  crc.add(image);
  const std::string block = seal_block({.kind = std::move(kind),
                                        .body_bytes = image.size(),
                                        .body_crc = crc.value(),
                                        .counts = std::move(counts)});
  write_file(path, {block, image});
}

void seal_in_place(const File& file, std::string kind, std::map<std::string, std::int64_t> counts) {
  file.write_at(0, seal_block({.kind = std::move(kind),
                               .body_bytes = file.size() - Seal::num_bytes,
                               .body_crc = body_crc(file),
                               .counts = std::move(counts)}));
}

}  // namespace invar::store
