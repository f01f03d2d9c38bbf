#include "invar/store/dataset.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/hdf5.hpp"

namespace invar::store {
namespace {

/// libhdf5 looks for its signature at 0, 512, 1024, 2048, …
bool has_signature(std::string_view bytes) {
  constexpr std::string_view signature("\211HDF\r\n\032\n", 8);
  for (std::size_t at = 0; at < bytes.size(); at = at == 0 ? 512 : 2 * at) {
    if (bytes.substr(at, signature.size()) == signature) {
      return true;
    }
  }
  return false;
}

/// What a file of that many bytes may hold: no filter packs more than a thousandfold.
bool is_plausible(const h5::Shape& shape, std::size_t num_bytes) {
  double num_entries = 1.0;
  for (const hsize_t n : shape) {
    num_entries *= static_cast<double>(n);
  }
  return num_entries <= 1032.0 * static_cast<double>(num_bytes);
}

}  // namespace

Eigen::MatrixXd read_dataset(const std::string& file_bytes, const std::string& name) {
  if (!has_signature(file_bytes)) {
    throw Error(ErrorKind::data, "it is not an HDF5 file");
  }
  const h5::Handle file = h5::open_in_memory(file_bytes);
  const h5::Handle dataset = h5::open_dataset(file.get(), name);
  const h5::Handle type(H5Dget_type(dataset.get()), H5Tclose, "look at dataset " + name);
  const H5T_class_t type_class = H5Tget_class(type.get());
  const h5::Shape shape = h5::shape_of(dataset);
  if ((type_class != H5T_FLOAT && type_class != H5T_INTEGER) || shape.size() > 2) {
    throw Error(ErrorKind::data,
                fmt::format("dataset `{}` has to be numbers with at most two axes; it has {} axes",
                            name, shape.size()));
  }
  if (!is_plausible(shape, file_bytes.size())) {
    throw Error(ErrorKind::data, fmt::format("dataset `{}` claims to be larger than its file can "
                                             "hold; the file is damaged",
                                             name));
  }
  const hsize_t rows = shape.empty() ? 1 : shape[0];
  const hsize_t cols = shape.size() < 2 ? 1 : shape[1];
  Eigen::MatrixXd transposed(static_cast<Eigen::Index>(cols), static_cast<Eigen::Index>(rows));
  if (H5Dread(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, transposed.data()) <
      0) {
    throw Error(ErrorKind::data, fmt::format("dataset `{}` cannot be read; the file is damaged, or "
                                             "packed by a filter that is not here",
                                             name));
  }
  return transposed.transpose();
}

}  // namespace invar::store
