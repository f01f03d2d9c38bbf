#include "store/sealed_file.hpp"

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "store/crc.hpp"
#include "store/support/campaign.hpp"

namespace invar::store {
namespace {

using testing::flip_byte;
using testing::TemporaryDirectory;

bool is_refused(const std::filesystem::path& path, const std::string& kind = "history") {
  try {
    verify_sealed_file(path, kind);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find(path.filename()), std::string::npos);
    return true;
  }
  return false;
}

TEST(Crc32c, AgreesWithTheCheckValueOfTheStandard) {
  Crc32c crc;
  crc.add("123456789");

  EXPECT_EQ(crc.value(), 0xE3069283U);  // RFC 3720, B.4, and the catalogue of CRC algorithms
}

TEST(Crc32c, IsTheSameWithAndWithoutTheInstruction) {
  std::string bytes;
  std::uint32_t pieces = ~std::uint32_t{0};
  for (int i = 0; i < 100; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 23), static_cast<char>(7 * i));
    bytes += piece;
    pieces = crc32c_by_table(pieces, piece);
    Crc32c crc;
    crc.add(bytes);
    EXPECT_EQ(~pieces, crc.value());
  }
}

TEST(SealedFile, GivesBackItsCounts) {
  const TemporaryDirectory directory;

  write_sealed_file(directory / "x.h5", "history", {{"first_round", 7}, {"failed", 0}}, "body");

  const Seal seal = verify_sealed_file(directory / "x.h5", "history");
  EXPECT_EQ(seal.count("first_round"), 7);
  EXPECT_EQ(seal.count("failed"), 0);
  EXPECT_EQ(seal.body_bytes, 4U);
  EXPECT_THROW((void)seal.count("other"), Error);
}

TEST(SealedFile, NoticesEveryFlippedByte) {
  const TemporaryDirectory directory;
  write_sealed_file(directory / "x.h5", "history", {{"first_round", 7}}, "the body of the file");
  const std::size_t size = std::filesystem::file_size(directory / "x.h5");

  for (std::size_t i = 0; i < size; ++i) {
    flip_byte(directory / "x.h5", i);
    EXPECT_TRUE(is_refused(directory / "x.h5")) << "byte " << i;
    flip_byte(directory / "x.h5", i);  // back
  }
}

TEST(SealedFile, NoticesEveryCut) {
  const TemporaryDirectory directory;
  write_sealed_file(directory / "x.h5", "history", {}, "the body of the file");

  for (std::size_t size = std::filesystem::file_size(directory / "x.h5"); size-- > 0;) {
    std::filesystem::resize_file(directory / "x.h5", size);
    EXPECT_TRUE(is_refused(directory / "x.h5")) << size << " bytes";
  }
}

TEST(SealedFile, RefusesAnotherKind) {
  const TemporaryDirectory directory;
  write_sealed_file(directory / "x.h5", "restart", {}, "body");

  EXPECT_TRUE(is_refused(directory / "x.h5"));
  EXPECT_FALSE(is_refused(directory / "x.h5", "restart"));
}

TEST(WriteFile, LeavesNothingWhenItFails) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "taken");
  std::filesystem::create_directory(directory / "taken" / "x");

  EXPECT_THROW(write_file(directory / "taken", {"text"}), Error);

  EXPECT_EQ(list_directory(directory.path()), std::vector<std::string>{"taken"});
}

}  // namespace
}  // namespace invar::store
