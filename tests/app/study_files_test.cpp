#include "app/study_files.hpp"

#include "app/folder.hpp"
#include "invar/core/error.hpp"

namespace invar::app {
namespace {

using ::testing::HasSubstr;

template <class Call>
Error error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::internal, "nothing was thrown"};
}

TEST(DiskFiles, ReadRelativeToTheStudy) {
  const test::Folder folder;
  folder.write("in/obs.csv", std::string("a\0b\n", 4));
  DiskFiles files(folder.path());

  EXPECT_EQ(files.bytes("in/obs.csv"), std::string("a\0b\n", 4));
  EXPECT_EQ(files.bytes((folder.path() / "in/obs.csv").string()), std::string("a\0b\n", 4));
}

TEST(DiskFiles, GiveEveryFileItsOwnNameInTheCampaign) {
  const test::Folder folder;
  folder.write("a/obs.csv", "1");
  folder.write("b/obs.csv", "2");
  folder.write("empty", "");
  DiskFiles files(folder.path());

  EXPECT_EQ(files.stored_name("a/obs.csv"), "data/obs.csv");
  EXPECT_EQ(files.stored_name("b/obs.csv"), "data/obs-2.csv");
  EXPECT_EQ(files.stored_name("a/obs.csv"), "data/obs.csv");
  EXPECT_EQ(files.stored_name("empty"), "data/empty");
  ASSERT_EQ(files.copies().size(), 3U);
  EXPECT_EQ(files.copies().at("b/obs.csv").bytes, "2");
  EXPECT_EQ(files.copies().at("empty").bytes, "");
}

TEST(DiskFiles, KeepTheNamesOfTheCopies) {
  const test::Folder folder;
  folder.write("data/obs.csv", "1");
  folder.write("data/obs-2.csv", "2");
  DiskFiles files(folder.path());

  EXPECT_EQ(files.stored_name("data/obs-2.csv"), "data/obs-2.csv");
  EXPECT_EQ(files.stored_name("data/obs.csv"), "data/obs.csv");
}

TEST(DiskFiles, SayWhichFileCannotBeReadAndWhy) {
  const test::Folder folder;
  DiskFiles files(folder.path());

  const Error missing = error_of([&] { files.bytes("obs.csv"); });
  const Error directory = error_of([&] { files.bytes("."); });

  EXPECT_EQ(missing.kind(), ErrorKind::no_input);
  EXPECT_THAT(missing.what(), HasSubstr("obs.csv`: No such file or directory"));
  EXPECT_EQ(directory.kind(), ErrorKind::no_input);
  EXPECT_THAT(directory.what(), HasSubstr("Is a directory"));
  EXPECT_TRUE(files.copies().empty());
}

TEST(DiskFiles, SayWhatStaysWhereItIs) {
  const test::Folder folder;
  folder.write("model.py", "x");
  DiskFiles files(folder.path());

  const options::FileInPlace program = files.in_place("model.py", false);
  EXPECT_EQ(program.path, (folder.path() / "model.py").string());
  EXPECT_TRUE(program.is_there);
  EXPECT_EQ(program.checksum, "");
  EXPECT_NE(files.in_place("model.py", true).checksum, "");
  EXPECT_FALSE(files.in_place("none", true).is_there);
  EXPECT_EQ(files.in_place("none", true).checksum, "");
  EXPECT_FALSE(files.in_place("", false).is_there);
  EXPECT_TRUE(files.in_place("/no/such/file", false).is_there);  // taken as it is

  SentFiles sent({}, files.files_in_place());
  EXPECT_EQ(sent.in_place("model.py", true).checksum, files.in_place("model.py", true).checksum);
  EXPECT_FALSE(sent.in_place("none", false).is_there);
  EXPECT_EQ(error_of([&] { sent.in_place("other", false); }).kind(), ErrorKind::no_input);
}

TEST(SentFiles, AnswerAsTheFilesThatWereRead) {
  const test::Folder folder;
  folder.write("obs.csv", "1");
  DiskFiles read(folder.path());
  read.bytes("obs.csv");

  SentFiles sent(read.copies());

  EXPECT_EQ(sent.bytes("obs.csv"), "1");
  EXPECT_EQ(sent.stored_name("obs.csv"), "data/obs.csv");
  EXPECT_EQ(error_of([&] { sent.bytes("other.csv"); }).kind(), ErrorKind::no_input);
  EXPECT_EQ(error_of([&] { sent.stored_name("other.csv"); }).kind(), ErrorKind::no_input);
}

TEST(StudyFiles, NameTheFileWhoseDataSetCannotBeRead) {
  const test::Folder folder;
  folder.write("obs.h5", "no HDF5 at all");
  DiskFiles files(folder.path());

  const Error error = error_of([&] { files.dataset("obs.h5", "/y"); });

  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_THAT(error.what(), HasSubstr("obs.h5: "));
}

}  // namespace
}  // namespace invar::app
