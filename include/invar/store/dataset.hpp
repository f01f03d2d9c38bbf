#pragma once

#include <string>

#include <Eigen/Core>

namespace invar::store {

/// Reads a numeric dataset of an HDF5 file that is in memory.
///
/// Shapes: [r, c] comes as r x c, [r] as one column, a scalar as 1 x 1.
/// MPI:    Local.
///
/// @param file_bytes  the whole file; a user's, so without a checksum of ours
/// @param name        "/y", "group/y"
/// @throws Error(data)  when the bytes are not an HDF5 file, or have no such dataset of numbers
/// with
///                      at most two axes
Eigen::MatrixXd read_dataset(const std::string& file_bytes, const std::string& name);

}  // namespace invar::store
