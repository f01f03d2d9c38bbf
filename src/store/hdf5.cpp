#include "store/hdf5.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::store::h5 {
namespace {

/// The innermost of libhdf5's own messages; it has the operating system's words.
std::string last_message() {
  std::string message = "libhdf5 gives no reason";
  const H5E_walk2_t keep = [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
    if (error->desc != nullptr && *error->desc != '\0') {
      *static_cast<std::string*>(out) = error->desc;
    }
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep, &message);
  H5Eclear2(H5E_DEFAULT);
  // Of a system call it tells everything, buffer addresses and all: its reason is enough.
  constexpr std::string_view before_reason = "error message = '";
  if (const std::size_t at = message.find(before_reason); at != std::string::npos) {
    message = message.substr(at + before_reason.size());
    message = message.substr(0, message.find('\''));
  }
  return message;
}

Handle file_access() {
  Handle access = property_list(H5P_FILE_ACCESS);
  H5Pset_file_locking(access.get(), false, true);
  return access;
}

Handle memory_access() {
  constexpr std::size_t growth_bytes = std::size_t{4} << 20;
  Handle access = property_list(H5P_FILE_ACCESS);
  check(H5Pset_fapl_core(access.get(), growth_bytes, false), "use the core driver");
  return access;
}

/// libhdf5 tells open files in memory apart by their names.
std::string name_in_memory() {
  static std::atomic<int> count = 0;
  return fmt::format("in memory {}", ++count);
}

Handle creation_with_user_block(hsize_t bytes) {
  Handle creation = property_list(H5P_FILE_CREATE);
  check(H5Pset_userblock(creation.get(), bytes), "set the user block");
  return creation;
}

Handle space(const Shape& shape) {
  return {shape.empty() ? H5Screate(H5S_SCALAR)
                        : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
          H5Sclose, "make a dataspace"};
}

hsize_t product(const Shape& shape) {
  hsize_t result = 1;
  for (const hsize_t n : shape) {
    result *= n;
  }
  return result;
}

/// A dataset with the shape that a reader expects.
Handle open_with_axes(hid_t location, const std::string& name, std::size_t num_axes, Shape& shape) {
  Handle dataset = open_dataset(location, name);
  shape = shape_of(dataset);
  if (shape.size() != num_axes) {
    throw Error(ErrorKind::data, fmt::format("dataset `{}` has {} axes instead of {}", name,
                                             shape.size(), num_axes));
  }
  return dataset;
}

void read_all(const Handle& dataset, const std::string& name, hid_t memory_type, void* data) {
  check(H5Dread(dataset.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data),
        "read dataset " + name);
}

template <class T>
std::vector<T> read_numbers(hid_t location, const std::string& name) {
  Shape shape;
  const Handle dataset = open_with_axes(location, name, 1, shape);
  std::vector<T> values(shape[0]);
  read_all(dataset, name, native_type<T>(), values.data());
  return values;
}

template <class T>
T read_scalar_number(hid_t location, const std::string& name) {
  Shape shape;
  const Handle dataset = open_with_axes(location, name, 0, shape);
  T value{};
  read_all(dataset, name, native_type<T>(), &value);
  return value;
}

std::vector<std::string> read_strings(const Handle& dataset, const std::string& name,
                                      std::size_t count) {
  const Handle type = string_type();
  std::vector<char*> pointers(count, nullptr);
  read_all(dataset, name, type.get(), pointers.data());
  std::vector<std::string> strings;
  strings.reserve(count);
  for (char* pointer : pointers) {
    strings.emplace_back(pointer == nullptr ? "" : pointer);
    H5free_memory(pointer);
  }
  return strings;
}

void write_attribute(hid_t object, const std::string& name, hid_t type, const void* value,
                     const Shape& shape = {}) {
  const Handle dataspace = space(shape);
  const Handle attribute(
      H5Acreate2(object, name.c_str(), type, dataspace.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
      "make attribute " + name);
  check(H5Awrite(attribute.get(), type, value), "write attribute " + name);
}

Handle open_attribute(hid_t object, const std::string& name) {
  return {H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, "open attribute " + name};
}

template <class T>
T read_number_attribute(hid_t object, const std::string& name) {
  const Handle attribute = open_attribute(object, name);
  T value{};
  check(H5Aread(attribute.get(), native_type<T>(), &value), "read attribute " + name);
  return value;
}

}  // namespace

Handle::Handle(hid_t id, Close closer, const std::string& action) : id_(id), close_(closer) {
  if (id < 0) {
    throw Error(ErrorKind::data, fmt::format("cannot {}: {}", action, last_message()));
  }
}

Handle::Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}

Handle& Handle::operator=(Handle&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(close_, other.close_);
  return *this;
}

Handle::~Handle() {
  if (id_ >= 0) {
    close_(id_);
  }
}

void Handle::close(const std::string& action) {
  check(close_(std::exchange(id_, -1)), action);
}

void check(std::int64_t result, const std::string& action) {
  if (result < 0) {
    throw Error(ErrorKind::io, fmt::format("cannot {}: {}", action, last_message()));
  }
}

Handle property_list(hid_t kind) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // what it says goes into our errors
  return {H5Pcreate(kind), H5Pclose, "make a property list"};
}

Handle create_in_memory() {
  return create_in_memory(creation_with_user_block(512));
}

Handle create_in_memory(const Handle& creation_properties) {
  const Handle access = memory_access();
  return {
      H5Fcreate(name_in_memory().c_str(), H5F_ACC_TRUNC, creation_properties.get(), access.get()),
      H5Fclose, "make an HDF5 file in memory"};
}

Handle create_on_disk(const std::filesystem::path& path, hsize_t user_block_bytes) {
  const Handle creation = creation_with_user_block(user_block_bytes);
  const Handle access = file_access();
  const hid_t id = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get());
  check(id, "create " + path.string());
  return {id, H5Fclose, ""};
}

Handle open_on_disk(const std::filesystem::path& path) {
  const Handle access = file_access();
  return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose, "open " + path.string()};
}

Handle open_in_memory(const std::string& bytes) {
  const Handle access = memory_access();
  // libhdf5 copies the bytes; its interface merely lacks the const.
  check(H5Pset_file_image(access.get(), const_cast<char*>(bytes.data()), bytes.size()),
        "take a file from memory");
  return {H5Fopen(name_in_memory().c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose,
          "open the HDF5 file"};
}

std::string image(const Handle& file) {
  check(H5Fflush(file.get(), H5F_SCOPE_GLOBAL), "flush a file in memory");
  const ssize_t size = H5Fget_file_image(file.get(), nullptr, 0);
  check(size, "size a file in memory");
  std::string bytes(static_cast<std::size_t>(size), '\0');
  check(H5Fget_file_image(file.get(), bytes.data(), bytes.size()), "copy a file in memory");
  return bytes;
}

Handle string_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "make a string type");
  check(H5Tset_size(type.get(), H5T_VARIABLE), "make a string type");
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make a string type");
  return type;
}

Handle create_dataset(hid_t location, const std::string& name, hid_t type, const Shape& shape) {
  const Handle links = property_list(H5P_LINK_CREATE);
  check(H5Pset_create_intermediate_group(links.get(), 1), "make groups");
  const Handle creation = property_list(H5P_DATASET_CREATE);
  if (H5Tget_class(type) == H5T_FLOAT) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    check(H5Pset_fill_value(creation.get(), H5T_NATIVE_DOUBLE, &nan), "set a fill value");
  }
  const Handle dataspace = space(shape);
  const hid_t id = H5Dcreate2(location, name.c_str(), type, dataspace.get(), links.get(),
                              creation.get(), H5P_DEFAULT);
  check(id, "create dataset " + name);
  return {id, H5Dclose, ""};
}

Handle open_dataset(hid_t location, const std::string& name) {
  return {H5Dopen2(location, name.c_str(), H5P_DEFAULT), H5Dclose, "open dataset " + name};
}

Shape shape_of(const Handle& dataset) {
  const Handle dataspace(H5Dget_space(dataset.get()), H5Sclose, "look at a dataset");
  Shape shape(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(dataspace.get()))));
  check(H5Sget_simple_extent_dims(dataspace.get(), shape.data(), nullptr), "look at a dataset");
  return shape;
}

bool exists(hid_t location, const std::string& name) {
  return H5Lexists(location, name.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> names_in(hid_t location, const std::string& group) {
  const Handle opened(H5Gopen2(location, group.c_str(), H5P_DEFAULT), H5Gclose,
                      "open group " + group);
  std::vector<std::string> names;
  const H5L_iterate_t keep = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  check(H5Literate(opened.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, keep, &names),
        "list group " + group);
  return names;
}

void write_rows(const Handle& dataset, hid_t memory_type, hsize_t first, hsize_t count,
                const void* data) {
  Shape rows = shape_of(dataset);
  if (product(rows) == 0 || count == 0) {
    return;
  }
  const Handle file_space(H5Dget_space(dataset.get()), H5Sclose, "look at a dataset");
  if (!rows.empty()) {
    Shape begin(rows.size(), 0);
    begin[0] = first;
    rows[0] = count;
    check(H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, begin.data(), nullptr, rows.data(),
                              nullptr),
          "select rows");
  }
  const Handle memory_space = space(rows);
  check(
      H5Dwrite(dataset.get(), memory_type, memory_space.get(), file_space.get(), H5P_DEFAULT, data),
      "write to an HDF5 file");
}

void write_rows(const Handle& dataset, hsize_t first, const std::vector<std::string>& strings) {
  std::vector<const char*> pointers;
  pointers.reserve(strings.size());
  for (const std::string& string : strings) {
    pointers.push_back(string.empty() ? nullptr : string.c_str());  // null takes no room
  }
  write_rows(dataset, string_type().get(), first, pointers.size(), pointers.data());
}

template <>
Handle write(hid_t location, const std::string& name, const std::vector<std::string>& strings) {
  Handle dataset = create_dataset(location, name, string_type().get(), {strings.size()});
  write_rows(dataset, 0, strings);
  return dataset;
}

Handle write(hid_t location, const std::string& name, const Eigen::VectorXd& vector) {
  return write(location, name, {static_cast<hsize_t>(vector.size())}, vector.data());
}

Handle write_scalar(hid_t location, const std::string& name, const std::string& string) {
  Handle dataset = create_dataset(location, name, string_type().get(), {});
  const char* pointer = string.c_str();
  write_rows(dataset, string_type().get(), 0, 1, static_cast<const void*>(&pointer));
  return dataset;
}

Handle write_matrix(hid_t location, const std::string& name, const Eigen::MatrixXd& matrix) {
  return write_samples(location, name, matrix.transpose());
}

Handle write_samples(hid_t location, const std::string& name, const Eigen::MatrixXd& samples) {
  return write(location, name,
               {static_cast<hsize_t>(samples.cols()), static_cast<hsize_t>(samples.rows())},
               samples.data());
}

template <>
std::vector<double> read(hid_t location, const std::string& name) {
  return read_numbers<double>(location, name);
}
template <>
std::vector<std::int64_t> read(hid_t location, const std::string& name) {
  return read_numbers<std::int64_t>(location, name);
}
template <>
std::vector<std::int32_t> read(hid_t location, const std::string& name) {
  return read_numbers<std::int32_t>(location, name);
}
template <>
std::vector<std::uint8_t> read(hid_t location, const std::string& name) {
  return read_numbers<std::uint8_t>(location, name);
}
template <>
std::vector<std::string> read(hid_t location, const std::string& name) {
  Shape shape;
  const Handle dataset = open_with_axes(location, name, 1, shape);
  return read_strings(dataset, name, shape[0]);
}

template <>
double read_scalar(hid_t location, const std::string& name) {
  return read_scalar_number<double>(location, name);
}
template <>
std::int64_t read_scalar(hid_t location, const std::string& name) {
  return read_scalar_number<std::int64_t>(location, name);
}

std::string read_scalar_string(hid_t location, const std::string& name) {
  Shape shape;
  const Handle dataset = open_with_axes(location, name, 0, shape);
  return read_strings(dataset, name, 1).front();
}

Eigen::VectorXd read_vector(hid_t location, const std::string& name) {
  const std::vector<double> values = read<double>(location, name);
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

Eigen::MatrixXd read_matrix(hid_t location, const std::string& name) {
  return read_samples(location, name).transpose();
}

Eigen::MatrixXd read_samples(hid_t location, const std::string& name) {
  Shape shape;
  const Handle dataset = open_with_axes(location, name, 2, shape);
  Eigen::MatrixXd samples(static_cast<Eigen::Index>(shape[1]), static_cast<Eigen::Index>(shape[0]));
  read_all(dataset, name, H5T_NATIVE_DOUBLE, samples.data());
  return samples;
}

std::vector<double> read_array(hid_t location, const std::string& name, std::size_t num_axes,
                               Shape& shape) {
  const Handle dataset = open_with_axes(location, name, num_axes, shape);
  std::vector<double> numbers(product(shape));
  read_all(dataset, name, H5T_NATIVE_DOUBLE, numbers.data());
  return numbers;
}

void write_attribute(hid_t object, const std::string& name, const std::string& value) {
  const char* pointer = value.c_str();
  write_attribute(object, name, string_type().get(), static_cast<const void*>(&pointer));
}

void write_attribute(hid_t object, const std::string& name, std::int64_t value) {
  write_attribute(object, name, H5T_NATIVE_INT64, &value);
}

void write_attribute(hid_t object, const std::string& name, double value) {
  write_attribute(object, name, H5T_NATIVE_DOUBLE, &value);
}

void write_attribute(hid_t object, const std::string& name,
                     const std::vector<std::uint8_t>& values) {
  write_attribute(object, name, H5T_NATIVE_UINT8, values.data(), {values.size()});
}

std::vector<std::string> attribute_names(hid_t object) {
  std::vector<std::string> names;
  const H5A_operator2_t keep = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  check(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, keep, &names), "list attributes");
  return names;
}

Attribute read_attribute(hid_t object, const std::string& name) {
  const Handle attribute = open_attribute(object, name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose, "look at attribute " + name);
  switch (H5Tget_class(type.get())) {
    case H5T_INTEGER:
      return read_integer_attribute(object, name);
    case H5T_FLOAT:
      return read_real_attribute(object, name);
    default: {
      char* pointer = nullptr;
      check(H5Aread(attribute.get(), string_type().get(), static_cast<void*>(&pointer)),
            "read attribute " + name);
      std::string text = pointer == nullptr ? "" : pointer;
      H5free_memory(pointer);
      return text;
    }
  }
}

std::int64_t read_integer_attribute(hid_t object, const std::string& name) {
  return read_number_attribute<std::int64_t>(object, name);
}

double read_real_attribute(hid_t object, const std::string& name) {
  return read_number_attribute<double>(object, name);
}

}  // namespace invar::store::h5
