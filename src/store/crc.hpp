#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <boost/crc.hpp>

namespace invar::store {

/// CRC-32C (Castagnoli), the checksum of every file of ours.
class Crc32c {
 public:
  void add(const void* bytes, std::size_t count) { crc_.process_bytes(bytes, count); }
  void add(std::string_view bytes) { add(bytes.data(), bytes.size()); }
  [[nodiscard]] std::uint32_t value() const { return crc_.checksum(); }

 private:
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc_;
};

}  // namespace invar::store
