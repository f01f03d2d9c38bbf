#include "invar/store/dataset.hpp"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"
#include "store/files.hpp"
#include "store/hdf5.hpp"
#include "store/support/campaign.hpp"

namespace invar::store {
namespace {

/// A user's file, as h5py would write it.
std::string user_file() {
  const testing::TemporaryDirectory directory;
  {
    const h5::Handle file = h5::create_on_disk(directory / "user.h5", 0);
    h5::write(file.get(), "vector", std::vector<double>{1.0, 2.5, -3.0});
    h5::write(file.get(), "group/integers", std::vector<std::int32_t>{4, 5});
    const std::vector<double> six = {11, 12, 13, 21, 22, 23};
    h5::write(file.get(), "matrix", {2, 3}, six.data());
    h5::write(file.get(), "cube", {1, 2, 3}, six.data());
    h5::write(file.get(), "words", std::vector<std::string>{"a", "b"});
  }
  return read_file(directory / "user.h5");
}

ErrorKind kind_of_failure(const std::string& bytes, const std::string& name) {
  try {
    read_dataset(bytes, name);
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind::internal;
}

TEST(ReadDataset, ReadsAMatrixAsItIsOnPaper) {
  const Eigen::MatrixXd matrix = read_dataset(user_file(), "/matrix");

  ASSERT_EQ(matrix.rows(), 2);
  ASSERT_EQ(matrix.cols(), 3);
  EXPECT_EQ(matrix(0, 2), 13.0);
  EXPECT_EQ(matrix(1, 0), 21.0);
}

TEST(ReadDataset, ReadsOneAxisAsAColumn) {
  const Eigen::MatrixXd vector = read_dataset(user_file(), "vector");

  ASSERT_EQ(vector.rows(), 3);
  ASSERT_EQ(vector.cols(), 1);
  EXPECT_EQ(vector(2, 0), -3.0);
}

TEST(ReadDataset, ReadsIntegersInGroups) {
  EXPECT_EQ(read_dataset(user_file(), "group/integers")(1, 0), 5.0);
}

TEST(ReadDataset, RefusesWhatIsNotANumericTable) {
  const std::string bytes = user_file();

  EXPECT_EQ(kind_of_failure(bytes, "cube"), ErrorKind::data);
  EXPECT_EQ(kind_of_failure(bytes, "words"), ErrorKind::data);
  EXPECT_EQ(kind_of_failure(bytes, "group"), ErrorKind::data);
  EXPECT_EQ(kind_of_failure(bytes, "nothing"), ErrorKind::data);
}

TEST(ReadDataset, RefusesFilesThatAreNotHdf5) {
  EXPECT_EQ(kind_of_failure("", "y"), ErrorKind::data);
  EXPECT_EQ(kind_of_failure("1,2,3\n", "y"), ErrorKind::data);
  EXPECT_EQ(kind_of_failure(user_file().substr(0, 100), "vector"), ErrorKind::data);
}

}  // namespace
}  // namespace invar::store
