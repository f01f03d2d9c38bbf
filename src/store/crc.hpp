#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace invar::store {

/// CRC-32C (Castagnoli), the checksum of every file of ours.
class Crc32c {
 public:
  void add(std::string_view bytes);
  [[nodiscard]] std::uint32_t value() const { return ~state_; }

 private:
  std::uint32_t state_ = ~std::uint32_t{0};
};

/// The same by table look-up, for processors without an instruction for it.
/// @param state  the complement of the checksum so far
std::uint32_t crc32c_by_table(std::uint32_t state, std::string_view bytes);

}  // namespace invar::store
