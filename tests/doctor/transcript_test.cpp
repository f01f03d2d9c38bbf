#include "doctor/transcript.hpp"

#include <cmath>
#include <cstdint>
#include <filesystem>

#include <gtest/gtest.h>

#include "app/folder.hpp"
#include "doctor/results_json.hpp"
#include "invar/core/error.hpp"

namespace {

using namespace invar::doctor;
using invar::test::Folder;

TEST(Transcript, HandsOnEventsWithEveryBit) {
  const Folder folder;
  const TranscriptWriter writer(folder.path() / "transcript");
  TranscriptReader reader(folder.path() / "transcript");
  const Outcome outcome{.status = invar::Status::non_finite,
                        .message = "why",
                        .qois = Eigen::Vector3d(std::nan(""), -INFINITY, 0.1),
                        .seconds = 1.0 / 3};
  EXPECT_FALSE(reader.next());

  writer.add({{"event", "end"}, {"result", outcome}});

  const auto event = reader.next();
  ASSERT_TRUE(event);
  const auto found = event->at("result").get<Outcome>();
  EXPECT_EQ(found.status, outcome.status);
  EXPECT_EQ(found.message, "why");
  EXPECT_TRUE(std::isnan(found.qois[0]));
  EXPECT_EQ(found.qois.tail(2), outcome.qois.tail(2));
  EXPECT_EQ(found.seconds, outcome.seconds);
  EXPECT_FALSE(reader.next());
}

TEST(Transcript, WaitsForTheRestOfAnEvent) {
  const Folder folder;
  const TranscriptWriter writer(folder.path() / "whole");
  writer.add({{"event", "begin"}, {"check", "leaks"}});
  const auto length = std::filesystem::file_size(folder.path() / "whole");

  for (std::uintmax_t cut = 0; cut < length; ++cut) {
    std::filesystem::copy_file(folder.path() / "whole", folder.path() / "torn");
    std::filesystem::resize_file(folder.path() / "torn", cut);
    TranscriptReader reader(folder.path() / "torn");
    EXPECT_FALSE(reader.next());
    std::filesystem::copy_file(folder.path() / "whole", folder.path() / "torn",
                               std::filesystem::copy_options::overwrite_existing);
    const auto event = reader.next();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->at("check"), "leaks");
    std::filesystem::remove(folder.path() / "torn");
  }
}

TEST(Transcript, FindsNothingWhereThereIsNoFile) {
  const Folder folder;

  EXPECT_FALSE(TranscriptReader(folder.path() / "none").next());
  EXPECT_THROW(TranscriptWriter(folder.path() / "no" / "folder"), invar::Error);
}

}  // namespace
