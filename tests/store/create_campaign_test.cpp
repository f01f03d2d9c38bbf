#include "invar/store/create_campaign.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/store/campaign_store.hpp"
#include "store/files.hpp"
#include "store/support/campaign.hpp"

namespace invar::store {
namespace {

namespace fs = std::filesystem;
using testing::bytes_of;
using testing::overwrite;
using testing::TemporaryDirectory;

const Manifest manifest{
    .study_text = "invar: 1\n",
    .data_files = {{"data/obs.csv", std::string("1,2\n\0x", 6)}, {"data/deep/prior.h5", "bytes"}}};

/// The error that making a campaign there ends with.
std::optional<Error> refusal(const fs::path& directory) {
  try {
    create_campaign(directory, manifest);
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

TEST(CreateCampaign, KeepsTheStudyAndItsFilesByteForByte) {
  const TemporaryDirectory directory;
  const fs::path campaign = directory / "above" / "campaign";

  create_campaign(campaign, manifest);

  const CampaignStore store(campaign);
  EXPECT_EQ(store.manifest().study_text, manifest.study_text);
  EXPECT_EQ(store.manifest().data_files, manifest.data_files);
  EXPECT_FALSE(store.restart_point().has_value());
  EXPECT_TRUE(store.recovery_notes().empty());
  EXPECT_EQ(list_directory(directory / "above"), std::vector<std::string>{"campaign"});
}

TEST(CreateCampaign, TakesAnEmptyDirectoryAndATrailingSlash) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "campaign");

  create_campaign(directory.path().string() + "/campaign/", manifest);

  EXPECT_EQ(read_manifest(directory / "campaign").study_text, manifest.study_text);
}

TEST(CreateCampaign, NamesResumeWhereThereIsACampaign) {
  const TemporaryDirectory directory;
  create_campaign(directory / "campaign", manifest);
  overwrite(directory / "campaign/study.yaml", "mine");

  const auto error = refusal(directory / "campaign");

  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind(), ErrorKind::config);
  EXPECT_NE(std::string(error->what()).find("invar resume"), std::string::npos);
  EXPECT_EQ(bytes_of(directory / "campaign/study.yaml"), "mine");
}

TEST(CreateCampaign, LeavesAForeignDirectoryAlone) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "campaign");
  overwrite(directory / "campaign/thesis.tex", "mine");

  const auto error = refusal(directory / "campaign");

  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind(), ErrorKind::config);
  EXPECT_EQ(list_directory(directory / "campaign"), std::vector<std::string>{"thesis.tex"});
  EXPECT_EQ(list_directory(directory.path()), std::vector<std::string>{"campaign"});
}

TEST(CreateCampaign, LeavesAFileAlone) {
  const TemporaryDirectory directory;
  overwrite(directory / "campaign", "mine");

  const auto error = refusal(directory / "campaign");

  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind(), ErrorKind::config);
  EXPECT_EQ(bytes_of(directory / "campaign"), "mine");
}

TEST(CreateCampaign, SaysWhenItCannotWrite) {
  const TemporaryDirectory directory;
  overwrite(directory / "file", "not a folder");

  const auto error = refusal(directory / "file" / "campaign");

  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind(), ErrorKind::io);
}

TEST(CampaignStore, WantsACampaign) {
  const TemporaryDirectory directory;

  try {
    const CampaignStore store(directory.path());
    FAIL() << "opened " << store.directory();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::no_input);
  }
  EXPECT_TRUE(list_directory(directory.path()).empty());
}

TEST(CampaignStore, TakesAChangedStudy) {
  const TemporaryDirectory directory;
  create_campaign(directory / "campaign", manifest);
  CampaignStore store(directory / "campaign");

  store.replace_manifest({.study_text = "invar: 1 # longer\n", .data_files = {{"data/new", "n"}}},
                         true);

  EXPECT_EQ(store.manifest().study_text, "invar: 1 # longer\n");
  EXPECT_EQ(store.manifest().data_files, (std::map<std::string, std::string>{{"data/new", "n"}}));
  EXPECT_EQ(store.manifest().revision, 2);
  // What the study before needed is still there.
  EXPECT_EQ(bytes_of(directory / "campaign/data/obs.csv"), manifest.data_files.at("data/obs.csv"));
}

TEST(Manifest, IsRefusedWithAnyByteOfTheStudyChanged) {
  const TemporaryDirectory directory;
  create_campaign(directory / "campaign", manifest);
  const std::string sound = bytes_of(directory / "campaign/study.yaml");

  for (std::size_t i = 0; i < sound.size(); ++i) {
    std::string damaged = sound;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    overwrite(directory / "campaign/study.yaml", damaged);
    EXPECT_THROW(read_manifest(directory / "campaign"), Error) << "byte " << i;
    overwrite(directory / "campaign/study.yaml", sound.substr(0, i));
    EXPECT_THROW(read_manifest(directory / "campaign"), Error) << "cut at " << i;
  }
}

TEST(Manifest, IsRefusedWithADataFileChangedOrMissing) {
  const TemporaryDirectory directory;
  create_campaign(directory / "campaign", manifest);

  overwrite(directory / "campaign/data/obs.csv", "other");
  EXPECT_THROW(read_manifest(directory / "campaign"), Error);
  fs::remove(directory / "campaign/data/obs.csv");
  EXPECT_THROW(read_manifest(directory / "campaign"), Error);
}

}  // namespace
}  // namespace invar::store
