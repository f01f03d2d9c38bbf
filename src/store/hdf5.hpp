#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <hdf5.h>

#include <Eigen/Core>

namespace invar::store::h5 {

/// An open identifier of libhdf5.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  /// @throws Error(data)  when `id` says that opening failed: "cannot ACTION: what libhdf5 says"
  Handle(hid_t id, Close closer, const std::string& action);
  Handle(Handle&& other) noexcept;
  Handle& operator=(Handle&& other) noexcept;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle();

  [[nodiscard]] hid_t get() const { return id_; }
  /// Closes now. @throws Error(io)
  void close(const std::string& action);

 private:
  hid_t id_;
  Close close_;
};

/// Throws Error(io) with what libhdf5 says when `result` is negative.
void check(std::int64_t result, const std::string& action);

using Shape = std::vector<hsize_t>;

/// A list of properties of the given kind (H5P_DATASET_CREATE, …), as libhdf5 has them.
Handle property_list(hid_t kind);

// Files. All are opened without libhdf5's file locks: a file of ours is complete or has a temporary
// name.
Handle create_in_memory();
Handle create_in_memory(const Handle& creation_properties);
Handle create_on_disk(const std::filesystem::path& path, hsize_t user_block_bytes);
Handle open_on_disk(const std::filesystem::path& path);
Handle open_in_memory(const std::string& bytes);
/// The bytes of a file in memory, without its user block.
std::string image(const Handle& file);

/// The in-memory type of numbers.
template <class T>
hid_t native_type();
template <>
inline hid_t native_type<double>() {
  return H5T_NATIVE_DOUBLE;
}
template <>
inline hid_t native_type<std::int64_t>() {
  return H5T_NATIVE_INT64;
}
template <>
inline hid_t native_type<std::int32_t>() {
  return H5T_NATIVE_INT32;
}
template <>
inline hid_t native_type<std::uint8_t>() {
  return H5T_NATIVE_UINT8;
}

/// The type of UTF-8 strings of any length.
Handle string_type();

/// A dataset, not yet written: NaN where numbers are real. Groups on its path are made.
Handle create_dataset(hid_t location, const std::string& name, hid_t type, const Shape& shape);
Handle open_dataset(hid_t location, const std::string& name);
Shape shape_of(const Handle& dataset);
bool exists(hid_t location, const std::string& name);
/// The names of the links in a group, sorted.
std::vector<std::string> names_in(hid_t location, const std::string& group);

/// Writes rows first, first + 1, … of a dataset; `data` holds `count` of them.
void write_rows(const Handle& dataset, hid_t memory_type, hsize_t first, hsize_t count,
                const void* data);
void write_rows(const Handle& dataset, hsize_t first, const std::vector<std::string>& strings);

/// A whole dataset at once.
template <class T>
Handle write(hid_t location, const std::string& name, const Shape& shape, const T* data) {
  Handle dataset = create_dataset(location, name, native_type<T>(), shape);
  write_rows(dataset, native_type<T>(), 0, shape.empty() ? 1 : shape[0], data);
  return dataset;
}
template <class T>
Handle write(hid_t location, const std::string& name, const std::vector<T>& values) {
  return write(location, name, {values.size()}, values.data());
}
template <>
Handle write(hid_t location, const std::string& name, const std::vector<std::string>& strings);
Handle write(hid_t location, const std::string& name, const Eigen::VectorXd& vector);
Handle write_scalar(hid_t location, const std::string& name, const std::string& string);
/// The matrix as it is read on paper: [rows, columns].
Handle write_matrix(hid_t location, const std::string& name, const Eigen::MatrixXd& matrix);
/// A matrix with a column per sample: [columns, rows].
Handle write_samples(hid_t location, const std::string& name, const Eigen::MatrixXd& samples);

/// A whole dataset of the given number of axes.
/// @throws Error(data)  when it is missing, or has another number of axes
template <class T>
std::vector<T> read(hid_t location, const std::string& name);
template <class T>
T read_scalar(hid_t location, const std::string& name);
std::string read_scalar_string(hid_t location, const std::string& name);
Eigen::VectorXd read_vector(hid_t location, const std::string& name);
Eigen::MatrixXd read_matrix(hid_t location, const std::string& name);
Eigen::MatrixXd read_samples(hid_t location, const std::string& name);
/// The same with more axes: its numbers, the last axis fastest, and its shape.
std::vector<double> read_array(hid_t location, const std::string& name, std::size_t num_axes,
                               Shape& shape);

void write_attribute(hid_t object, const std::string& name, const std::string& value);
void write_attribute(hid_t object, const std::string& name, std::int64_t value);
void write_attribute(hid_t object, const std::string& name, double value);
void write_attribute(hid_t object, const std::string& name,
                     const std::vector<std::uint8_t>& values);
/// An attribute of the group or dataset called `path`.
template <class T>
void write_object_attribute(hid_t location, const std::string& path, const std::string& name,
                            const T& value) {
  const Handle object(H5Oopen(location, path.c_str(), H5P_DEFAULT), H5Oclose, "open " + path);
  write_attribute(object.get(), name, value);
}
std::vector<std::string> attribute_names(hid_t object);
/// A whole number, a real one or a text.
using Attribute = std::variant<std::int64_t, double, std::string>;
Attribute read_attribute(hid_t object, const std::string& name);
std::int64_t read_integer_attribute(hid_t object, const std::string& name);
double read_real_attribute(hid_t object, const std::string& name);

}  // namespace invar::store::h5
