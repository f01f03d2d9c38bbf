#include "invar/store/netcdf.hpp"

#include <cctype>
#include <map>

#include <hdf5_hl.h>

#include "invar/core/error.hpp"
#include "store/files.hpp"
#include "store/hdf5.hpp"

namespace invar::store {
namespace {

/// Properties of what netCDF wants: links and attributes in the order in which they were made. No
/// times, so that equal content gives equal bytes.
h5::Handle creation_properties(hid_t kind) {
  constexpr unsigned in_order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  h5::Handle properties = h5::property_list(kind);
  h5::check(H5Pset_obj_track_times(properties.get(), false), "leave out times");
  h5::check(H5Pset_attr_creation_order(properties.get(), in_order), "keep the order of attributes");
  if (kind != H5P_DATASET_CREATE) {
    h5::check(H5Pset_link_creation_order(properties.get(), in_order), "keep the order of names");
  }
  return properties;
}

void write_attributes(hid_t object, const NetcdfAttributes& attributes) {
  for (const auto& [name, value] : attributes) {
    std::visit([&, &key = name](const auto& v) { h5::write_attribute(object, key, v); }, value);
  }
}

/// The dimensions of a group.
struct Dimension {
  hsize_t length;
  h5::Handle scale;
};
using Dimensions = std::map<std::string, Dimension>;

hsize_t num_values(const NetcdfVariable& variable) {
  return std::visit([](const auto& values) { return static_cast<hsize_t>(values.size()); },
                    variable.values);
}

h5::Handle create_variable(hid_t group, const NetcdfVariable& variable, const h5::Shape& shape) {
  const bool is_text = std::holds_alternative<std::vector<std::string>>(variable.values);
  const bool is_real = std::holds_alternative<Eigen::MatrixXd>(variable.values);
  const h5::Handle text = h5::string_type();
  const hid_t number = is_real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
  const h5::Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
                         H5Sclose, "make a dataspace");
  const h5::Handle properties = creation_properties(H5P_DATASET_CREATE);
  return {H5Dcreate2(group, variable.name.c_str(), is_text ? text.get() : number, space.get(),
                     H5P_DEFAULT, properties.get(), H5P_DEFAULT),
          H5Dclose, "make variable " + variable.name};
}

void write_values(const h5::Handle& dataset, const NetcdfVariable& variable) {
  const auto& values = variable.values;
  if (const auto* real = std::get_if<Eigen::MatrixXd>(&values)) {
    h5::write_rows(dataset, H5T_NATIVE_DOUBLE, 0, h5::shape_of(dataset)[0], real->data());
  } else if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&values)) {
    h5::write_rows(dataset, H5T_NATIVE_INT64, 0, h5::shape_of(dataset)[0], whole->data());
  } else {
    h5::write_rows(dataset, 0, std::get<std::vector<std::string>>(values));
  }
}

void write_variable(hid_t group, const NetcdfVariable& variable, Dimensions& dimensions) {
  const std::string& name = variable.name;
  const bool makes_dimension = variable.dimensions == std::vector<std::string>{name};
  h5::Shape shape;
  hsize_t expected = 1;
  for (const std::string& dimension : variable.dimensions) {
    shape.push_back(makes_dimension ? num_values(variable) : dimensions.at(dimension).length);
    expected *= shape.back();
  }
  // A length of zero would stand for an unlimited dimension.
  INVAR_EXPECTS(!shape.empty() && expected > 0 && num_values(variable) == expected);
  h5::Handle dataset = create_variable(group, variable, shape);
  if (makes_dimension) {
    h5::check(H5DSset_scale(dataset.get(), name.c_str()), "make dimension " + name);
  } else {
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const h5::Handle& scale = dimensions.at(variable.dimensions[i]).scale;
      h5::check(H5DSattach_scale(dataset.get(), scale.get(), static_cast<unsigned>(i)),
                "name the dimensions of " + name);
    }
  }
  write_attributes(dataset.get(), variable.attributes);
  write_values(dataset, variable);
  if (makes_dimension) {
    dimensions.insert_or_assign(name, Dimension{shape[0], std::move(dataset)});
  }
}

void write_group(hid_t file, const NetcdfGroup& group) {
  const h5::Handle properties = creation_properties(H5P_GROUP_CREATE);
  const h5::Handle opened(
      H5Gcreate2(file, group.name.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT), H5Gclose,
      "make group " + group.name);
  write_attributes(opened.get(), group.attributes);
  Dimensions dimensions;
  for (const NetcdfVariable& variable : group.variables) {
    write_variable(opened.get(), variable, dimensions);
  }
}

}  // namespace

std::string netcdf_name(std::string name) {
  INVAR_EXPECTS(!name.empty());
  for (char& c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '/') {
      c = '_';
    }
  }
  if (name.back() == ' ') {
    name.back() = '_';
  }
  const auto first = static_cast<unsigned char>(name.front());
  const bool is_sound = std::isalnum(first) != 0 || first == '_' || first >= 0x80;
  return is_sound ? name : std::string("_").append(name);
}

void write_netcdf(const std::filesystem::path& path, const NetcdfFile& file) {
  std::string bytes;
  {
    const h5::Handle made = h5::create_in_memory(creation_properties(H5P_FILE_CREATE));
    const h5::Handle root(H5Gopen2(made.get(), "/", H5P_DEFAULT), H5Gclose, "open the root");
    write_attributes(root.get(), file.attributes);
    for (const NetcdfGroup& group : file.groups) {
      write_group(made.get(), group);
    }
    bytes = h5::image(made);
  }
  write_file(path, {bytes});
}

}  // namespace invar::store
