#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <Eigen/Core>

#include "invar/store/view.hpp"

namespace invar::store {

/// What is said of a file, a group or a variable beside its values; each name once.
using NetcdfAttributes = std::vector<std::pair<std::string, View::Attribute>>;

/// An array whose axes have names.
///
/// One whose only dimension has its own name is a coordinate variable: it makes that dimension of
/// the group, and comes before the variables that use it.
///
/// Shapes: values in the order of netCDF, the last dimension fastest; of a matrix all its entries
///         count, column by column, so that a column per sample is [sample, entry].
struct NetcdfVariable {
  std::string name;
  std::vector<std::string> dimensions;
  std::variant<Eigen::MatrixXd, std::vector<std::int64_t>, std::vector<std::string>> values;
  NetcdfAttributes attributes;
};

/// A group with dimensions and variables of its own.
struct NetcdfGroup {
  std::string name;
  NetcdfAttributes attributes;
  std::vector<NetcdfVariable> variables;
};

/// A netCDF4 file in memory.
struct NetcdfFile {
  NetcdfAttributes attributes;
  std::vector<NetcdfGroup> groups;
};

/// The nearest name that netCDF allows: it begins with a letter, a digit or an underscore, ends
/// with no space, and has no slash and no control character.
///
/// MPI: Local.
/// @pre the name is not empty
std::string netcdf_name(std::string name);

/// Writes a netCDF4 file, which is an HDF5 file with dimension scales, durably and in one step: the
/// path has the whole file or what it had before. Equal files have equal bytes.
///
/// MPI:  Manager only.
/// Cost: memory for two more copies of the values.
///
/// @param path  absolute
/// @pre  names are those that `netcdf_name` leaves as they are; each once in its group; values fit
///       their dimensions, none of which is of length zero
/// @throws Error(io)
void write_netcdf(const std::filesystem::path& path, const NetcdfFile& file);

}  // namespace invar::store
