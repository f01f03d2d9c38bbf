#include "invar/store/netcdf.hpp"

#include <filesystem>

#include <gtest/gtest.h>
#include <hdf5_hl.h>

#include "invar/core/error.hpp"
#include "store/hdf5.hpp"
#include "store/support/campaign.hpp"

namespace invar::store {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryDirectory;

NetcdfFile make_file() {
  Eigen::MatrixXd samples(2, 3);
  samples << 1, 2, 3, 4, 5, 6;
  const std::vector<std::int64_t> three = {0, 1, 2};
  return {.attributes = {{"study", std::string("invar: 1\n")}},
          .groups = {
              {.name = "posterior",
               .attributes = {{"elbo", -1.5}, {"rounds", std::int64_t{7}}},
               .variables =
                   {{.name = "draw", .dimensions = {"draw"}, .values = three, .attributes = {}},
                    {.name = "parameter",
                     .dimensions = {"parameter"},
                     .values = std::vector<std::string>{"a", "b"},
                     .attributes = {}},
                    {.name = "samples",
                     .dimensions = {"draw", "parameter"},
                     .values = samples,
                     .attributes = {{"units", std::string("m")}}},
                    {.name = "ids", .dimensions = {"draw"}, .values = three, .attributes = {}}}},
              {.name = "other",
               .attributes = {},
               .variables = {
                   {.name = "draw", .dimensions = {"draw"}, .values = three, .attributes = {}}}}}};
}

TEST(NetcdfName, IsOneThatNetcdfAllows) {
  EXPECT_EQ(netcdf_name("log_alpha"), "log_alpha");
  EXPECT_EQ(netcdf_name("k[1] (m/s)"), "k[1] (m_s)");
  EXPECT_EQ(netcdf_name("-x"), "_-x");
  EXPECT_EQ(netcdf_name("a\tb "), "a_b_");
  EXPECT_EQ(netcdf_name(" "), "_");
  EXPECT_EQ(netcdf_name("\u03b8"), "\u03b8");
  EXPECT_EQ(netcdf_name("2nd"), "2nd");
}

TEST(Netcdf, HasValuesAlongNamedDimensionsOfTheirGroup) {
  const TemporaryDirectory directory;
  write_netcdf(directory / "x.nc", make_file());

  const h5::Handle file = h5::open_on_disk(directory / "x.nc");
  const h5::Handle samples = h5::open_dataset(file.get(), "posterior/samples");
  EXPECT_EQ(h5::read_samples(file.get(), "posterior/samples"),
            std::get<Eigen::MatrixXd>(make_file().groups[0].variables[2].values));
  EXPECT_EQ(h5::read<std::int64_t>(file.get(), "posterior/ids").back(), 2);
  EXPECT_EQ(h5::read<std::string>(file.get(), "posterior/parameter").back(), "b");
  const std::vector<std::string> expected = {"draw", "parameter"};
  for (unsigned axis = 0; axis < 2; ++axis) {
    const h5::Handle scale = h5::open_dataset(file.get(), "posterior/" + expected[axis]);
    EXPECT_GT(H5DSis_attached(samples.get(), scale.get(), axis), 0);
    char name[64] = "none";
    H5DSget_scale_name(scale.get(), name, sizeof name);
    EXPECT_EQ(name, expected[axis]);
  }
  EXPECT_GT(H5DSis_scale(h5::open_dataset(file.get(), "other/draw").get()), 0);
}

TEST(Netcdf, KeepsAttributesOfFileGroupsAndVariables) {
  const TemporaryDirectory directory;
  write_netcdf(directory / "x.nc", make_file());

  const h5::Handle file = h5::open_on_disk(directory / "x.nc");
  const auto attribute = [&](const std::string& object, const std::string& name) {
    const h5::Handle opened(H5Oopen(file.get(), object.c_str(), H5P_DEFAULT), H5Oclose, "open");
    return h5::read_attribute(opened.get(), name);
  };
  EXPECT_EQ(attribute("/", "study"), View::Attribute(std::string("invar: 1\n")));
  EXPECT_EQ(attribute("posterior", "elbo"), View::Attribute(-1.5));
  EXPECT_EQ(attribute("posterior", "rounds"), View::Attribute(std::int64_t{7}));
  EXPECT_EQ(attribute("posterior/samples", "units"), View::Attribute(std::string("m")));
}

TEST(Netcdf, HasRoomForThousandsOfVariablesOnADimension) {
  const TemporaryDirectory directory;
  NetcdfFile file = make_file();
  std::vector<NetcdfVariable>& variables = file.groups[0].variables;
  for (int i = 0; i < 5000; ++i) {  // libhdf5 keeps a list of them, of more than 64 KiB
    variables.push_back(variables.back());
    variables.back().name = std::string("x").append(std::to_string(i));
  }

  write_netcdf(directory / "x.nc", file);

  const h5::Handle read = h5::open_on_disk(directory / "x.nc");
  EXPECT_EQ(h5::read<std::int64_t>(read.get(), "posterior/x4999").back(), 2);
}

TEST(Netcdf, OfEqualContentHasEqualBytes) {
  const TemporaryDirectory directory;

  write_netcdf(directory / "x.nc", make_file());
  write_netcdf(directory / "y.nc", make_file());

  EXPECT_EQ(testing::bytes_of(directory / "x.nc"), testing::bytes_of(directory / "y.nc"));
}

TEST(Netcdf, LeavesWhatWasThereWhenItCannotBeWritten) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "x.nc");  // nothing can be renamed to it

  for (const fs::path& path : {directory / "x.nc", directory / "missing/x.nc"}) {
    try {
      write_netcdf(path, make_file());
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::io);
    }
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace invar::store
