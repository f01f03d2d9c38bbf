#include "store/crc.hpp"

#include <cstring>

#include <boost/crc.hpp>

namespace invar::store {
namespace {

#ifdef __x86_64__
__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(std::uint32_t state,
                                                                      std::string_view bytes) {
  std::uint64_t wide = state;
  while (bytes.size() >= sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
    bytes.remove_prefix(sizeof word);
  }
  auto result = static_cast<std::uint32_t>(wide);
  for (const char byte : bytes) {
    result = __builtin_ia32_crc32qi(result, static_cast<unsigned char>(byte));
  }
  return result;
}

bool has_instruction() {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
}
#else
std::uint32_t crc32c_by_instruction(std::uint32_t state, std::string_view) {
  return state;
}
bool has_instruction() {
  return false;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(std::uint32_t state, std::string_view bytes) {
  // With reflected input, Boost takes the initial remainder the other way round.
  std::uint32_t reversed = 0;
  for (int bit = 0; bit < 32; ++bit) {
    reversed |= ((state >> bit) & 1U) << (31 - bit);
  }
  boost::crc_optimal<32, 0x1EDC6F41, 0, 0, true, true> crc(reversed);
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

void Crc32c::add(std::string_view bytes) {
  state_ =
      has_instruction() ? crc32c_by_instruction(state_, bytes) : crc32c_by_table(state_, bytes);
}

}  // namespace invar::store
